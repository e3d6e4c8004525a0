// Refused and untouched: the check of every refusal that leaves no trace (adversary.md, "R").

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { resourceUri } from "../../client/mod.ts";
import { type Answer, assertOk, assertRefused, type Refusal } from "./asking.ts";
import type { TestNode } from "./node.ts";
import { type ASession, aSession, PUT, use } from "./world.ts";

/** All that a node has stored. */
export interface Snapshot {
  /** Each table's rows as text, but for `lease`: the node's own collector comes and goes. */
  readonly tables: Readonly<Record<string, readonly string[]>>;
  /** Path and size of every file below `blocks`, staged ones too. */
  readonly files: readonly string[];
}

export interface UntouchedOptions {
  /** False: without the writes around the request, for nodes that could not take them. */
  readonly settle?: boolean;
}

/** Where the writes go that bring waiting guards of reads to the disk. */
const SETTLING_KEY = "settling";

/** By its issuer and nonce: no other token of that identity has another nonce (wire §6). */
const GUARDS_OF_A_PUT = 1;

const databases = new WeakMap<TestNode, DatabaseSync>();
const settlers = new WeakMap<TestNode, Promise<ASession>>();

/**
 * Checks that the request is refused just so, and that no table and no file changed. A guard of a
 * read rides in a later commit, so a write goes before and after: the first lets none wait from
 * earlier, the second shows one that the request left. Nothing else may use the node meanwhile.
 */
export async function refusesUntouched(
  node: TestNode,
  request: () => Promise<Answer>,
  refusal: Refusal,
  { settle = true }: UntouchedOptions = {},
): Promise<void> {
  if (settle) await writeOnce(node);
  const before = await snapshot(node);
  const versionBefore = version(node);

  const answer = await request();

  const isSame = versionBefore !== undefined && version(node) === versionBefore;
  const after = isSame ? { ...before, files: await files(node) } : await snapshot(node);
  assertRefused(answer, refusal);
  assertForBrowsers(answer);
  assert.deepEqual(after, before, "a refusal leaves everything as it was");
  if (!settle) return;
  const guards = await guardCount(node);
  await writeOnce(node);
  assert.equal(
    await guardCount(node) - guards,
    GUARDS_OF_A_PUT,
    "a refusal leaves no guard behind",
  );
}

/** Writes one value, always the same, and with it all guards that waited. */
async function writeOnce(node: TestNode): Promise<void> {
  const settler = settlers.get(node) ?? aSession(node);
  settlers.set(node, settler);
  const session = await settler;
  assertOk(await use(node, session, PUT, resourceUri(session.space, "kv", SETTLING_KEY), {}, "s"));
}

function databaseOf(node: TestNode): DatabaseSync {
  const known = databases.get(node);
  if (known !== undefined) return known;
  const database = new DatabaseSync(`${node.folder}/caps.db`, { readOnly: true });
  databases.set(node, database);
  return database;
}

/** Another number after every commit that changed anything; undefined where nothing tells. */
function version(node: TestNode): number | undefined {
  if (node.stores !== undefined) return undefined;
  return Number(databaseOf(node).prepare("PRAGMA data_version").get()?.data_version);
}

async function guardCount(node: TestNode): Promise<number> {
  return (await snapshot(node)).tables.used_token?.length ?? 0;
}

/** Every row of those tables, and every file of the block store. */
export async function snapshot(node: TestNode): Promise<Snapshot> {
  if (node.stores !== undefined) {
    const { lease: _, ...tables } = await node.stores.dump();
    const rows = Object.entries(tables).map(([name, found]) => [name, found.map(rowText)] as const);
    return { tables: Object.fromEntries(rows), files: await files(node) };
  }
  const database = databaseOf(node);
  const names = database.prepare(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'lease'",
  )
    .all();
  const tables = names.map(({ name }) => {
    const rows = database.prepare(`SELECT * FROM "${name}"`);
    rows.setReadBigInts(true);
    return [String(name), rows.all().map(rowText)] as const;
  });
  return { tables: Object.fromEntries(tables), files: await files(node) };
}

async function files(node: TestNode): Promise<readonly string[]> {
  return [...await node.stores?.objects?.() ?? [], ...filesBelow(`${node.folder}/blocks`)];
}

function rowText(row: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(row, (_name, value: unknown) => {
    if (typeof value === "bigint") return String(value);
    return value instanceof Uint8Array ? value.toHex() : value;
  });
}

function* filesBelow(folder: string): Generator<string> {
  const entries = [...entriesOf(folder)].sort((a, b) => a.name < b.name ? -1 : 1);
  for (const { name, isDirectory } of entries) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* filesBelow(path);
    else yield `${path} ${Deno.lstatSync(path).size}`;
  }
}

/** On other stores there may be no folder. */
function entriesOf(folder: string): Iterable<Deno.DirEntry> {
  try {
    return [...Deno.readDirSync(folder)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** What a browser must find on an error too, or `fetch` hides it (wire §9). */
function assertForBrowsers({ headers }: Answer): void {
  const found = ["methods", "headers"].map((name) => headers.get(`access-control-allow-${name}`));
  assert.deepEqual(found, ["POST, PUT, GET, HEAD, OPTIONS, DELETE", "*, Authorization"]);
  assert.equal(headers.get("access-control-expose-headers"), "*, Authorization, ETag");
  assert.equal(headers.get("access-control-max-age"), "600");
  assert.equal(headers.get("access-control-allow-credentials"), null);
}
