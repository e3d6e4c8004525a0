// The rows of one store into another, page by page, and by what two stores are known to hold the same.

import { blake3Hex, createHasher } from "../blake3.ts";
import { cannot, NodeError } from "../errors.ts";
import type { Repository } from "./repository.ts";
import { type Field, keyOf, TABLE_NAMES, type TableName, type TableRow } from "./tables.ts";

/** What a store holds: how many rows, and BLAKE3 of them. */
export interface StoreFacts {
  readonly rows: number;
  /** Of all tables, 64 lower-case hex digits. */
  readonly hash: string;
  /** Of each. */
  readonly tables: ReadonlyMap<TableName, string>;
}

type Source = Pick<Repository, "rows">;

const ROWS_A_PAGE = 500;

/** Reads a store from end to end. `progress` is told of rows as they are read. */
export async function factsOf(
  store: Source,
  progress?: (rows: number) => void,
): Promise<StoreFacts> {
  let rows = 0;
  const tables = new Map<TableName, string>();
  for (const table of TABLE_NAMES) {
    const hasher = await createHasher();
    for await (const page of pagesOf(store, table)) {
      for (const row of page) for (const part of partsOf(row)) hasher.update(part);
      rows += page.length;
      progress?.(page.length);
    }
    tables.set(table, hasher.digest().toHex());
  }
  const hash = blake3Hex(new TextEncoder().encode(JSON.stringify([...tables])));
  return { rows, hash, tables };
}

/** The first table in which two stores differ. */
export function difference(one: StoreFacts, other: StoreFacts): TableName | undefined {
  return TABLE_NAMES.find((table) => one.tables.get(table) !== other.tables.get(table));
}

export interface Transfer {
  readonly from: Source;
  /** A load has begun there. */
  readonly to: Pick<Repository, "lastKey" | "load">;
  readonly mark: string;
  /** Told of rows as they are loaded. */
  readonly progress?: (rows: number) => void;
}

/**
 * Loads all rows that follow those that are there already; how many. Throws what the stores throw,
 * with a sentence, and `storage_unavailable` when the load is not ours any more.
 */
export async function transferRows({ from, to, mark, progress }: Transfer): Promise<number> {
  let count = 0;
  for (const table of TABLE_NAMES) {
    // An empty store may have one of these before the first is loaded.
    const after = table === "setting" ? undefined : await to.lastKey(table);
    for await (const page of pagesOf(from, table, after)) {
      const isOurs = await to.load(mark, table, page).catch(explained("load", table));
      if (!isOurs) throw overtaken();
      count += page.length;
      progress?.(page.length);
    }
  }
  return count;
}

/** The load was begun anew, or finished, by somebody else. */
export function overtaken(): NodeError {
  return new NodeError("storage_unavailable", "another copy into the same store is under way");
}

async function* pagesOf(
  store: Source,
  table: TableName,
  after?: readonly Field[],
): AsyncGenerator<readonly TableRow[], void, undefined> {
  for (let from = after;;) {
    const page = await store.rows(table, from, ROWS_A_PAGE).catch(explained("read", table));
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    from = keyOf(table, last);
  }
}

/** A failure that has no sentence gets one, for whoever has to do something about it. */
function explained(what: "load" | "read", table: TableName): (error: unknown) => never {
  return (error) => {
    if (error instanceof NodeError && !(error.cause instanceof Error)) throw error;
    throw cannot(`${what} rows of ${table}`, error);
  };
}

/** A row as bytes, and no other row as the same: its text names the length of what follows it. */
function* partsOf(row: TableRow): Generator<Uint8Array> {
  const text = JSON.stringify(
    row,
    (_name, field) => field instanceof Uint8Array ? { bytes: field.length } : field,
  );
  yield new TextEncoder().encode(`${text}\n`);
  for (const field of row) if (field instanceof Uint8Array) yield field;
}
