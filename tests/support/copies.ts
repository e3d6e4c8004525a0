// Stores between which `tinycloud copy` copies, one of each kind, and what is in them.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { sideOf } from "../../src/commands/copy_side.ts";
import { openBlocks, openToRead } from "../../src/commands/stores.ts";
import { keyOf, TABLE_NAMES, type TableName, type TableRow } from "../../src/repository/tables.ts";
import type { Output } from "./commands.ts";
import { tinycloud } from "./commands.ts";
import { startTestNode, type TestNode } from "./node.ts";
import { ACCESS_KEY, ENDPOINT, SECRET_KEY, type TestBucket, testBucket } from "./s3.ts";
import { freshDatabase, type ServerKind, SERVERS } from "./servers.ts";

export const SECRET = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY";

/** Storage for a node. */
export interface Store {
  readonly name: string;
  /** As the flags of `copy` name it. */
  readonly database: string;
  readonly blocks: string;
  /** What a node is configured with, to use it. */
  readonly env: Readonly<Record<string, string>>;
  start(more?: Readonly<Record<string, string>>): Promise<TestNode>;
  /** Whether a value has been loaded, without touching anything; throws while there is no schema. */
  hasValues(): Promise<boolean>;
}

/** A folder with stores in it, all gone in the end. */
export interface Place extends AsyncDisposable {
  readonly folder: string;
  /** An empty one, its blocks in a folder or a bucket. */
  store(kind: "sqlite" | ServerKind, blocks?: "Local" | "S3"): Promise<Store>;
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Output>;
  copy(from: Store, to: Store, ...args: readonly string[]): Promise<Output>;
}

/** The kinds of database servers that there are here. */
export const KINDS = (["postgres", "mysql"] as const).filter((kind) => SERVERS[kind] !== undefined);
/** The second place for blocks that there is here. */
export const BUCKET = ENDPOINT === undefined ? "Local" : "S3";

const CREDENTIALS = { AWS_ACCESS_KEY_ID: ACCESS_KEY, AWS_SECRET_ACCESS_KEY: SECRET_KEY };

export async function aPlace(): Promise<Place> {
  await using opened = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "tinycloud-copy-" });
  opened.defer(() => Deno.remove(folder, { recursive: true }));
  let count = 0;
  const resources = opened.move();
  const run: Place["run"] = (args, env = {}) => tinycloud(folder, args, { env });
  return {
    folder,
    run,
    async store(kind, where = "Local") {
      const name = `${kind}-${++count}`;
      const own = `${folder}/${name}`;
      await Deno.mkdir(own);
      const server = kind === "sqlite" ? undefined : resources.use(await freshDatabase(kind));
      const database = server?.text ?? `${own}/caps.db`;
      const bucket = where === "Local" ? undefined : resources.use(await testBucket());
      const blocks = bucket === undefined ? `${own}/blocks` : urlOf(bucket);
      const env = {
        TINYCLOUD_KEYS_SECRET: SECRET,
        TINYCLOUD_STORAGE_DATABASE: database,
        TINYCLOUD_STORAGE_BLOCKS_PATH: `${own}/blocks`,
        ...bucket?.env,
      };
      return {
        name,
        database,
        blocks,
        env,
        start: (more = {}) => startTestNode({ folder: own, env: { ...env, ...more } }),
        async hasValues() {
          if (server === undefined) {
            using file = new DatabaseSync(database, { readOnly: true });
            return file.prepare("SELECT 1 FROM entry LIMIT 1").get() !== undefined;
          }
          await using store = await server.open({ now: () => 0, migrates: false, loads: true });
          return await store.lastKey("entry") !== undefined;
        },
      };
    },
    copy: (from, to, ...args) =>
      run(["copy", ...namedIn("from", from), ...namedIn("to", to), ...args], {
        TINYCLOUD_KEYS_SECRET: SECRET,
        ...CREDENTIALS,
      }),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

function urlOf({ place: { bucket, prefix, endpoint } }: TestBucket): string {
  return `s3://${bucket}/${prefix}?endpoint=${encodeURIComponent(endpoint.href)}`;
}

export function namedIn(which: "from" | "to", { database, blocks }: Store): readonly string[] {
  return [`--${which}`, database, `--${which}-blocks`, blocks];
}

/** All that a store holds, in no engine's own form. */
export interface Content {
  readonly rows: Readonly<Record<TableName, readonly TableRow[]>>;
  /** Names and sizes. */
  readonly blocks: ReadonlyMap<string, number>;
}

export async function contentOf({ database, blocks }: Store): Promise<Content> {
  const io = { print: () => {}, complain: () => {}, env: CREDENTIALS, cwd: "/" };
  const { config } = await sideOf("from", { from: database, "from-blocks": blocks }, io);
  await using repository = await openToRead(config);
  const rows: Partial<Record<TableName, TableRow[]>> = {};
  for (const table of TABLE_NAMES) {
    const found: TableRow[] = rows[table] = [];
    for (let page, after; (page = await repository.rows(table, after, 100)).length > 0;) {
      found.push(...page);
      after = keyOf(table, page.at(-1) ?? []);
    }
  }
  await using store = await openBlocks(config);
  const stored = (await Array.fromAsync(store.all()))
    .map(({ spaceHash, hash, size }) => [`${spaceHash} ${hash}`, size] as const);
  return { rows: rows as Content["rows"], blocks: new Map(stored) }; // each table was read
}

/** What it printed, where nothing was wrong. */
export async function ok(ran: Promise<Output>): Promise<readonly string[]> {
  const { code, lines, complaints } = await ran;
  assert.deepEqual({ code, complaints }, { code: 0, complaints: [] });
  return lines;
}

export async function refused(ran: Promise<Output>, code: number, says: RegExp): Promise<void> {
  const done = await ran;
  assert.equal(done.code, code, done.complaints.join("\n"));
  assert.deepEqual(done.lines, []);
  assert.match(done.complaints.at(-1) ?? "", says);
  assert.equal(done.complaints.filter((line) => /^\s+at /.test(line)).length, 0, "no stack");
}
