// `deno task bench:backends [--short]`: get, put and list on the stores that operators run, in one run,
// with one node and with three that share them. Servers as the tests find them (TEST_POSTGRES_URL,
// TEST_MYSQL_URL, TEST_S3_ENDPOINT); a combination whose server is not named is left out. The long form
// writes bench/results/backends.md and the README's table.

// deno-lint-ignore-file no-console -- a program for people

import { connect, type Session } from "../client/mod.ts";
import { freshDatabase, SERVERS } from "../tests/support/servers.ts";
import { ENDPOINT, testBucket } from "../tests/support/s3.ts";
import { type Load, median, run } from "./load.ts";
import { RESULTS, tellInReadme } from "./report.ts";
import { prepared } from "./requests.ts";
import { type ServerProcess, startNode } from "./server_process.ts";

const isShort = Deno.args.includes("--short");
const ROUNDS = isShort ? 1 : 5;
const REQUESTS = isShort ? 200 : 2_000;
const CONNECTIONS = 32;
const LISTED = 10;
/** Of nothing that anybody keeps. */
const SECRET = "YSBzZWNyZXQgb2YgdGhlIGJlbmNoIGFuZCBvZiBub3RoaW5nIGVsc2Uh";

type Environment = Readonly<Record<string, string>>;

interface Combination {
  readonly name: string;
  readonly nodes: readonly number[];
  /** What its nodes are told, undone in the end; undefined: it cannot be had here. */
  open(): Promise<(AsyncDisposable & { readonly env: Environment }) | undefined>;
}

const COMBINATIONS: readonly Combination[] = [
  {
    name: "SQLite, local blocks",
    nodes: [1],
    open: () => Promise.resolve({ env: {}, async [Symbol.asyncDispose]() {} }),
  },
  {
    name: "PostgreSQL, S3",
    nodes: [1, 3],
    async open() {
      if (SERVERS.postgres === undefined || ENDPOINT === undefined) return undefined;
      const [database, bucket] = [await freshDatabase("postgres"), await testBucket()];
      return {
        env: { TINYCLOUD_STORAGE_DATABASE: database.text, ...bucket.env },
        async [Symbol.asyncDispose]() {
          await database[Symbol.asyncDispose]();
          await bucket[Symbol.asyncDispose]();
        },
      };
    },
  },
  {
    name: "MariaDB, local blocks",
    nodes: [1, 3],
    async open() {
      if (SERVERS.mysql === undefined) return undefined;
      const database = await freshDatabase("mysql");
      return {
        env: { TINYCLOUD_STORAGE_DATABASE: database.text },
        [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
      };
    },
  },
];

interface Line {
  readonly name: string;
  readonly nodes: number;
  readonly request: string;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

/** One space a connection, as apps have them: puts into one and the same would wait for each other. */
async function measure(name: string, nodes: readonly ServerProcess[]): Promise<readonly Line[]> {
  const [first] = nodes;
  if (first === undefined) return [];
  const sessions: Session[] = [];
  for (let at = 0; at < CONNECTIONS; at++) {
    const session = await prepared(first);
    for (let key = 0; key < LISTED; key++) await session.put(`list/${key}`, "x");
    const node = nodes[at % nodes.length] ?? first;
    sessions.push(connect(node.url).use(session.key, session.grant));
  }
  const works: readonly (readonly [string, number, (session: Session, at: number) => unknown])[] = [
    ["get 1 KiB", 1, (session) => session.get("get")],
    ["put 1 KiB", 1, (session, at) => session.put(`put/${at % 100}`, new Uint8Array(1024))],
    ["put 64 KiB", 1 / 4, (session, at) => {
      const bytes = new Uint8Array(65_536);
      crypto.getRandomValues(bytes.subarray(0, 16));
      return session.put(`large/${at % 100}`, bytes);
    }],
    ["list of 10 keys", 1, (session) => session.list("list/")],
  ];
  const cpu = () => Promise.resolve(0);
  const lines: Line[] = [];
  for (const [request, share, work] of works) {
    const count = Math.ceil(REQUESTS * share);
    const send = async (at: number) => {
      const session = sessions[at % sessions.length];
      if (session !== undefined) await work(session, at);
    };
    await run(Math.ceil(count / 4), CONNECTIONS, cpu, send); // warms up
    const loads: Load[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      loads.push(await run(count, CONNECTIONS, cpu, send));
    }
    const of = (field: "perSecond" | "p50" | "p99") => median(loads.map((load) => load[field]));
    const line = { name, nodes: nodes.length, request };
    lines.push({ ...line, perSecond: of("perSecond"), p50: of("p50"), p99: of("p99") });
    const [{ perSecond, p50, p99 }] = lines.slice(-1) as [Line];
    console.log(
      `${name}, ${nodes.length} nodes, ${request}: ${perSecond.toFixed(0)}/s, ` +
        `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
    );
  }
  return lines;
}

function table(lines: readonly Line[]): string {
  const row = ({ name, nodes, request, perSecond, p50, p99 }: Line) =>
    `| ${name} | ${nodes} | ${request} | ${perSecond.toFixed(0)} | ${p50.toFixed(1)} | ${
      p99.toFixed(1)
    } |`;
  return [
    "| stores | nodes | request | requests/s | p50, ms | p99, ms |",
    "| --- | ---: | --- | ---: | ---: | ---: |",
    ...lines.map(row),
  ].join("\n");
}

const lines: Line[] = [];
for (const { name, nodes: counts, open } of COMBINATIONS) {
  for (const count of counts) {
    await using stores = await open();
    if (stores === undefined) {
      console.log(`${name}: left out, its servers are not named`);
      break;
    }
    const folder = await Deno.makeTempDir({ prefix: "tinycloud-bench-" });
    const nodes: ServerProcess[] = [];
    try {
      for (let at = 0; at < count; at++) {
        nodes.push(await startNode(folder, { TINYCLOUD_KEYS_SECRET: SECRET, ...stores.env }));
      }
      lines.push(...await measure(name, nodes));
    } finally {
      for (const node of nodes) await node[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    }
  }
}
console.log(`\n${table(lines)}`);
if (!isShort) {
  await Deno.writeTextFile(new URL("backends.md", RESULTS), `${table(lines)}\n`);
  await tellInReadme("backends", table(lines));
}
