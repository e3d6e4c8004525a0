// What a store holds, in a form that no engine owns, so that it can be brought into another one row
// by row. What a store derives for itself is left out: counters, counts of delegations, leases,
// graves.

export type Field = string | number | Uint8Array | null;

/** In the order of the table's columns. */
export type TableRow = readonly Field[];

export interface Table {
  readonly columns: readonly string[];
  /** By which rows are told apart and ordered, texts and bytes as bytes. */
  readonly key: readonly [string] | readonly [string, string];
  /** Columns that may be long. */
  readonly long?: readonly string[];
  /** Which rows go along, where not all do. */
  readonly where?: string;
}

/** The columns that every engine keeps of a delegation, without its position. */
export const DELEGATION_COLUMNS = [
  "cid",
  "identity",
  "kind",
  "delegator",
  "delegatee",
  "capabilities",
  "proofs",
  "parents",
  "ancestors",
  "lineage",
  "issued_at",
  "not_before",
  "expires_at",
  "accepted_at",
  "host",
] as const;

/** In an order in which each refers to those before it. */
export const TABLES = {
  setting: {
    columns: ["name", "value"],
    key: ["name"],
    // What begins so is the store's own: traces of its probes, and of a load under way.
    where: `"name" NOT LIKE 'store.%' AND "name" NOT LIKE 'load.%'`,
  },
  space: {
    columns: ["no", "id", "owner", "created_at", "used", "changed_at", "max_bytes", "closed"],
    key: ["no"],
  },
  event: {
    columns: ["seq", "kind", "cid", "token", "at", "space_no", "key", "hash", "size"],
    key: ["seq"],
    long: ["token"],
  },
  delegation: {
    columns: ["position", ...DELEGATION_COLUMNS],
    key: ["position"],
    long: ["capabilities", "proofs", "parents", "ancestors", "lineage"],
  },
  delegation_scope: {
    columns: ["scope", "position", "delegator", "delegatee", "until"],
    key: ["scope", "position"],
  },
  revocation: {
    columns: ["identity", "seq", "target", "revoker", "revoked_at"],
    key: ["identity"],
  },
  block: {
    columns: ["space_no", "hash", "size", "refs"],
    key: ["space_no", "hash"],
    where: `"refs" > 0`,
  },
  entry: {
    columns: ["space_no", "key", "hash", "size", "held", "seq", "headers", "inline"],
    key: ["space_no", "key"],
    long: ["headers", "inline"],
  },
  used_token: {
    columns: ["guard", "expires_at"],
    key: ["guard"],
  },
} as const satisfies Record<string, Table>;

export type TableName = keyof typeof TABLES;

/** In the order of `TABLES`. */
export const TABLE_NAMES = Object.keys(TABLES) as readonly TableName[]; // it has no other keys

/** A column whose times may never come: as a field, that is null. */
export const ENDLESS = "until";

export function tableOf(name: TableName): Table {
  return TABLES[name];
}

/** A row's key. */
export function keyOf(name: TableName, row: TableRow): readonly Field[] {
  const { columns, key } = tableOf(name);
  return key.map((column) => row[columns.indexOf(column)] ?? null);
}

/** Every name is quoted, since some engine reserves it. */
export function quoted(columns: readonly string[]): readonly string[] {
  return columns.map((column) => `"${column}"`);
}

/** What an engine stores for a row; `never` is its word for a time that does not come. */
export function storedRow(name: TableName, row: TableRow, never: number): readonly Field[] {
  const at = tableOf(name).columns.indexOf(ENDLESS);
  return at < 0 || row[at] !== null ? row : row.with(at, never);
}

/** What rows come to in memory, about. */
export function bytesIn(rows: readonly TableRow[]): number {
  let bytes = 0;
  for (const row of rows) {
    for (const field of row) {
      bytes += typeof field === "string"
        ? field.length
        : field instanceof Uint8Array
        ? field.length
        : 8;
    }
  }
  return bytes;
}
