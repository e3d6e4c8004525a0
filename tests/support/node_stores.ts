// On which stores the nodes of the tests run: TEST_NODE_STORES is `postgres+s3` or `mysql`; otherwise
// each has a SQLite file and a folder of its own.

import { testBucket } from "./s3.ts";
import { reusedDatabase } from "./reused_database.ts";
import type { ServerKind } from "./servers.ts";

/** Stores of one node, or of several that a test starts one after the other in the same folder. */
export interface NodeStores extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
  /** Every row of every table. */
  dump(): Promise<Record<string, readonly Readonly<Record<string, unknown>>[]>>;
  /** The names of its blocks; absent: they lie in the folder. */
  readonly objects?: () => Promise<readonly string[]>;
}

const KINDS: Readonly<Record<string, { readonly database: ServerKind; readonly isS3: boolean }>> = {
  "postgres+s3": { database: "postgres", isS3: true },
  mysql: { database: "mysql", isS3: false },
};

const asked = Deno.env.get("TEST_NODE_STORES");

/** Nodes have a SQLite file and a folder of blocks, into which some tests reach. */
export const ARE_FILES = asked === undefined;

const kept = new Map<string, NodeStores>();

if (asked !== undefined) {
  Deno.test.afterAll(async () => {
    for (const stores of kept.values()) await stores[Symbol.asyncDispose]();
  });
}

/** Whoever has the folder has done with it, and nothing has its stores open any more. */
export async function releaseStores(folder: string): Promise<void> {
  await kept.get(folder)?.[Symbol.asyncDispose]();
  kept.delete(folder);
}

/** The stores that belong to a folder, empty at first; gone once the tests of a file have run. */
export async function storesOf(folder: string): Promise<NodeStores | undefined> {
  if (asked === undefined) return undefined;
  const known = kept.get(folder);
  if (known !== undefined) return known;
  const kind = KINDS[asked];
  if (kind === undefined) throw new Error(`TEST_NODE_STORES is none of ${Object.keys(KINDS)}`);
  const database = await reusedDatabase(kind.database);
  const bucket = kind.isS3 ? await testBucket() : undefined;
  const stores: NodeStores = {
    env: {
      TINYCLOUD_STORAGE_DATABASE: database.text,
      // Nodes on one folder are one, others have keys of their own.
      TINYCLOUD_KEYS_SECRET: crypto.getRandomValues(new Uint8Array(32)).toBase64({
        alphabet: "base64url",
        omitPadding: true,
      }),
      // Many nodes share a server here.
      TINYCLOUD_DATABASE_POOL: "4",
      ...bucket?.env,
    },
    async dump() {
      const tables = await database.dump() as Awaited<ReturnType<NodeStores["dump"]>>;
      // What only says that a lock was held says nothing of what is stored.
      const stored = ({ changes: _, ...row }: Readonly<Record<string, unknown>>) =>
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name, readable(value)]));
      return Object.fromEntries(
        Object.entries(tables).map(([name, rows]) => [name, rows.map(stored)]),
      );
    },
    ...(bucket === undefined ? {} : { objects: bucket.blocks }),
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await bucket?.[Symbol.asyncDispose]();
    },
  };
  kept.set(folder, stores);
  return stores;
}

/** MySQL gives texts that are compared as bytes. */
function readable(value: unknown): unknown {
  if (!(value instanceof Uint8Array)) return value;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(value);
  } catch {
    return value.toHex();
  }
}
