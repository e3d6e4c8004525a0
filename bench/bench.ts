// `deno task bench [--short]`: what a request costs beside a bare server in the same run, how fast
// the node starts, what it weighs. Medians of several rounds; durability full, storage on disk, the
// load in another process than the servers. Figures of a noisy machine: read the ratios.

// deno-lint-ignore-file no-console -- a program for people

import { connect, randomWallet, type Session } from "../client/mod.ts";
import { type Load, median, run } from "./load.ts";
import { type ServerProcess, startServer } from "./server_process.ts";

const isShort = Deno.args.includes("--short");
const ROUNDS = isShort ? 1 : 5;
const REQUESTS = isShort ? 1_500 : 6_000;
const MAIN = new URL("../main.ts", import.meta.url).pathname;
const BARE = new URL("./bare.ts", import.meta.url).pathname;

interface Case {
  readonly name: string;
  readonly ability: "get" | "put" | "list";
  readonly connections: number;
  readonly bytes?: number;
}

const CASES: readonly Case[] = [1, 32].flatMap((connections) =>
  [
    { name: "get 1 KiB", ability: "get", connections },
    { name: "put 1 KiB", ability: "put", connections, bytes: 1024 },
    { name: "put 64 KiB", ability: "put", connections, bytes: 65_536 },
    { name: "list of 10 keys", ability: "list", connections },
  ] as const
);

const folder = await Deno.makeTempDir({ prefix: "tinycloud-bench-" });
const NODE_ENV = {
  TINYCLOUD_PORT: "0",
  TINYCLOUD_PROMETHEUS_PORT: "0",
  TINYCLOUD_STORAGE_DATABASE: `${folder}/caps.db`,
  TINYCLOUD_STORAGE_BLOCKS_PATH: `${folder}/blocks`,
  NO_COLOR: "1",
};

try {
  await measureStart();
  await measureRequests();
} finally {
  await Deno.remove(folder, { recursive: true });
}

async function measureStart(): Promise<void> {
  const times: number[] = [];
  const weights: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const begun = performance.now();
    await using node = await startServer([MAIN, "serve"], NODE_ENV);
    await (await fetch(`${node.url}/info`)).text();
    times.push(performance.now() - begun);
    await new Promise((resolve) => setTimeout(resolve, 2000)); // what it weighs once it is idle
    weights.push(await node.memory());
  }
  console.log(`start to first answer ${Math.round(median(times))} ms`);
  console.log(`idle memory ${Math.round(median(weights) / 1024 / 1024)} MiB\n`);
}

async function measureRequests(): Promise<void> {
  await using bare = await startServer([BARE], { NO_COLOR: "1" });
  await using node = await startServer([MAIN, "serve"], NODE_ENV);
  const session = await connect(node.url).signIn(randomWallet());
  await session.put("bench/get", new Uint8Array(1024).fill(120), {
    contentType: "application/octet-stream",
  });
  for (let at = 0; at < 10; at++) await session.put(`bench/list/${at}`, "x");

  console.log(
    "| request | connections | bare µs CPU | node µs CPU | ratio | node req/s | p50 ms | p99 ms |",
  );
  console.log("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
  for (const each of CASES) {
    const rounds: { bare: Load; node: Load }[] = [];
    await round(each, REQUESTS / 4, bare, node, session); // warms both up
    for (let at = 0; at < ROUNDS; at++) {
      rounds.push(await round(each, REQUESTS, bare, node, session));
    }
    const of = (pick: (round: { bare: Load; node: Load }) => number) => median(rounds.map(pick));
    console.log(
      `| ${each.name} | ${each.connections} | ${
        of(({ bare }) => bare.microsecondsOfCpu).toFixed(0)
      } ` +
        `| ${of(({ node }) => node.microsecondsOfCpu).toFixed(0)} ` +
        `| ${of(({ bare, node }) => node.microsecondsOfCpu / bare.microsecondsOfCpu).toFixed(1)} ` +
        `| ${of(({ node }) => node.perSecond).toFixed(0)} ` +
        `| ${of(({ node }) => node.p50).toFixed(1)} | ${of(({ node }) => node.p99).toFixed(1)} |`,
    );
  }
}

async function round(
  { ability, connections, bytes }: Case,
  wanted: number,
  bare: ServerProcess,
  node: ServerProcess,
  session: Session,
): Promise<{ bare: Load; node: Load }> {
  const count = connections === 1 || bytes === 65_536 ? Math.ceil(wanted / 4) : wanted;
  const body = bytes === undefined ? undefined : new Uint8Array(bytes).fill(120);
  const tokens: string[] = [];
  for (let at = 0; at < count; at++) {
    const key = ability === "get"
      ? "bench/get"
      : ability === "list"
      ? "bench/list/"
      : `bench/put/${at % 100}`;
    const { header } = await session.invocationToken({
      ability: `tinycloud.kv/${ability}`,
      resource: `${session.space}/kv/${key}`,
    });
    tokens.push(header);
  }
  const send = (url: string) => async (at: number) => {
    const init = { method: "POST", headers: { authorization: tokens[at] ?? "" } };
    const answer = await fetch(url, body === undefined ? init : { ...init, body });
    await answer.bytes();
    if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}`);
  };
  return {
    bare: await run(count, connections, bare.cpu, send(`${bare.url}/${ability}`)),
    node: await run(count, connections, node.cpu, send(`${node.url}/invoke`)),
  };
}
