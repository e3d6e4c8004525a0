// The secret that all keys of the node derive from (wire §5, §9): configured, or made once at the
// first start and kept beside the database.

import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Config } from "./config.ts";
import type { Database } from "./database.ts";
import { ConfigError, Refusal } from "./refusal.ts";
import { decodeSecret, Secret } from "./secret.ts";
import { readText, why } from "./text_file.ts";

export interface NodeSecret {
  readonly secret: Secret<Uint8Array>;
  /** `keys.secret`, or the file that holds it. */
  readonly source: string;
  readonly warnings: readonly string[];
}

export interface LoadSecretOptions {
  /**
   * Whether a first start may make a secret, true by default. False for a database that remembers
   * one: a new secret would change every host key, and the one that was lost must come back.
   */
  readonly mayMake?: boolean;
  /** What to say when there is none and none may be made; `path` is where it would be. */
  readonly gone?: (path: string) => string;
}

const MAKE_ONE = "set TINYCLOUD_KEYS_SECRET to what `tinycloud keygen` prints";
const MAX_FILE_BYTES = 8192;
const MADE_BYTES = 32;

/**
 * The secret of this node. With a SQLite file and no secret anywhere it makes one, in `node.secret`
 * beside the database. Throws ConfigError when there is no usable secret.
 */
export async function loadSecret(
  keys: Config["keys"],
  database: Database,
  { mayMake = true, gone }: LoadSecretOptions = {},
): Promise<NodeSecret> {
  const found = await findSecret(keys, database);
  if (found !== undefined) return found;
  if (database.kind !== "sqlite") {
    const where = database.kind === "memory" ? "a database in memory" : `${database.kind}`;
    throw new ConfigError([`there is no keys.secret, and ${where} keeps none: ${MAKE_ONE}`]);
  }

  const path = pathBeside(database.path);
  if (!mayMake) {
    throw new ConfigError([
      gone?.(path) ??
        `${path} is gone, and ${database.path} was used with a secret before: restore the file, ` +
          "or set keys.secret to that secret",
    ]);
  }
  await makeSecret(path);
  const made = await readSecret(path);
  const advice =
    `made a secret in ${path}: back it up, for without it every key of this node is lost`;
  return { ...made, warnings: [advice] };
}

/** The secret that there is already. Throws ConfigError when it is not usable. */
export async function findSecret(
  keys: Config["keys"],
  database: Database,
): Promise<NodeSecret | undefined> {
  if (keys.secret !== undefined) return accept(keys.secret.reveal(), "keys.secret");
  if (keys.secretFile !== undefined) return await readSecret(keys.secretFile);
  if (database.kind !== "sqlite") return undefined;
  const path = pathBeside(database.path);
  return await exists(path) ? await readSecret(path) : undefined;
}

function pathBeside(database: string): string {
  return join(dirname(database), "node.secret");
}

function accept(
  text: string,
  source: string,
  warnings: readonly string[] = [],
): NodeSecret {
  const bytes = decodeSecret(text);
  if (bytes instanceof Refusal) throw new ConfigError([`${source} ${bytes.sentence}`]);
  return { secret: new Secret(bytes), source, warnings };
}

async function readSecret(path: string): Promise<NodeSecret> {
  let text: string;
  let mode: number;
  try {
    text = await readText(path, MAX_FILE_BYTES);
    mode = Number((await Deno.stat(path)).mode) & 0o777;
  } catch (error) {
    throw new ConfigError([`${path}: the secret cannot be read: ${why(error)}`]);
  }
  const isOpen = (mode & 0o077) !== 0;
  const advice = `${path} is open to others (mode ${mode.toString(8).padStart(4, "0")}): chmod 600`;
  return accept(text.trimEnd(), `the secret in ${path}`, isOpen ? [advice] : []);
}

/** Whether the name is taken, by a broken link too; what cannot be told is left to the reader. */
function exists(path: string): Promise<boolean> {
  return Deno.lstat(path).then(() => true, (error) => !(error instanceof Deno.errors.NotFound));
}

/** Makes a secret in a new file, whole and durable. Throws ConfigError, also when it exists. */
export async function makeSecret(path: string): Promise<void> {
  const folder = dirname(path);
  const draft = `${path}.${crypto.randomUUID()}`;
  const bytes = crypto.getRandomValues(new Uint8Array(MADE_BYTES));
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    await using file = await open(draft, "wx", 0o600);
    await file.chmod(0o600); // The umask may have taken these bits too.
    await file.writeFile(`${bytes.toBase64({ alphabet: "base64url", omitPadding: true })}\n`);
    await file.sync();
    // Renaming would replace a secret that another start made meanwhile; linking never does.
    await Deno.link(draft, path);
    using directory = await Deno.open(folder);
    await directory.sync();
  } catch (error) {
    throw new ConfigError([`${path}: the secret cannot be written: ${why(error)}`]);
  } finally {
    await Deno.remove(draft).catch(() => "it was never made");
  }
}
