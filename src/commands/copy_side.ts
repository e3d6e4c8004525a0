// The two stores of `tinycloud copy`, as its flags name them: a configuration file, or a database
// and the place of its blocks. What the environment says of storage would mean both, and is left aside.

import { dirname, join, resolve } from "node:path";
import type { Config } from "../config/config.ts";
import { showDatabase } from "../config/database.ts";
import { loadConfig } from "../config/load.ts";
import { ConfigError, Refusal } from "../config/refusal.ts";
import { readServerUrl, type ServerUrl } from "../config/server_url.ts";
import { NodeError } from "../errors.ts";
import type { Flags, Io } from "./command.ts";

export interface Side {
  readonly config: Config;
  /** The database, for people to read: no password. */
  readonly name: string;
}

export type SideName = "from" | "to";

const PREFIX = "TINYCLOUD_STORAGE_";
const S3 = "s3:";

/** Throws ConfigError when the flags name no storage that another process can see. */
export async function sideOf(which: SideName, flags: Flags, io: Io): Promise<Side> {
  const [word = "", blocks] = [wordOf(flags[which]), wordOf(flags[`${which}-blocks`])];
  const { config } = word.endsWith(".toml")
    ? await fromFile(which, word, blocks, io)
    : await fromWords(which, word, blocks, io);
  const { database } = config.storage;
  if (database.kind === "memory") {
    throw new ConfigError([`--${which} is in memory: only its own process can see it`]);
  }
  return { config, name: showDatabase(database) };
}

function wordOf(flag: string | boolean | undefined): string | undefined {
  return typeof flag === "string" && flag !== "" ? flag : undefined;
}

function fromFile(which: SideName, file: string, blocks: string | undefined, { cwd, env }: Io) {
  if (blocks !== undefined) {
    throw new ConfigError([
      `--${which}-blocks: ${file} says where its blocks are; name a database with --${which}`,
    ]);
  }
  return loadConfig({ cwd, env: withoutStorage(env), flags: {}, file });
}

async function fromWords(
  which: SideName,
  database: string,
  blocks: string | undefined,
  { cwd, env }: Io,
) {
  const place = blocks ?? (isOnServer(database) ? undefined : besideDatabase(database));
  if (place === undefined) {
    throw new ConfigError([
      `--${which} is on a server: say with --${which}-blocks where its blocks are`,
    ]);
  }
  const storage = {
    [`${PREFIX}DATABASE`]: database,
    ...place.startsWith(S3) ? bucketOf(which, place) : { [`${PREFIX}BLOCKS_PATH`]: place },
  };
  try {
    return await loadConfig({
      cwd,
      env: { ...withoutStorage(env), ...storage },
      flags: {},
      // A file that happens to lie here has no say.
      readTextFile: () => Promise.reject(new Deno.errors.NotFound()),
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(error.problems.map((problem) => inFlags(which, problem)), error.warnings);
  }
}

function withoutStorage(env: Io["env"]): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith(PREFIX)));
}

function isOnServer(database: string): boolean {
  return database.includes("://") && !database.startsWith("sqlite:");
}

/** Where they are by default. */
function besideDatabase(database: string): string {
  return join(dirname(database.replace(/^sqlite:(\/\/)?/, "")), "blocks");
}

/** `s3://bucket/prefix?endpoint=URL&region=NAME`, all but the bucket as it is wanted. */
function bucketOf(which: SideName, text: string): Record<string, string> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const prefix = url?.pathname.replace(/^\/+|\/+$/g, "");
  const parameters = [...url?.searchParams ?? []];
  const isKnown = parameters.every(([name]) => name === "endpoint" || name === "region");
  if (url === undefined || url.hostname === "" || !isKnown || url.username !== "") {
    throw new ConfigError([
      `--${which}-blocks names no bucket; it must be a folder, or ` +
      "s3://bucket/prefix?endpoint=URL&region=NAME",
    ]);
  }
  return {
    [`${PREFIX}BLOCKS_TYPE`]: "S3",
    [`${PREFIX}BLOCKS_BUCKET`]: url.hostname,
    ...(prefix ? { [`${PREFIX}BLOCKS_PREFIX`]: prefix } : {}),
    ...Object.fromEntries(
      parameters.map(([name, value]) => [`${PREFIX}BLOCKS_${name.toUpperCase()}`, value]),
    ),
  };
}

/** A mistake, told of the flag that made it. */
function inFlags(which: SideName, problem: string): string {
  return problem
    .replaceAll(`${PREFIX}DATABASE`, `--${which}`)
    .replaceAll(new RegExp(`${PREFIX}BLOCKS_[A-Z]+`, "g"), `--${which}-blocks`);
}

/** Throws NodeError when both are one database, as far as their names tell. */
export async function refuseSame(from: Side, to: Side): Promise<void> {
  const [one, other] = [from.config.storage.database, to.config.storage.database];
  const isSame = one.kind === "sqlite" && other.kind === "sqlite"
    ? await isSamePath(one.path, other.path)
    : one.kind === other.kind && isSameServer(serverOf(from), serverOf(to));
  if (isSame) {
    throw new NodeError("storage_unavailable", `--from and --to are the same database ${to.name}`);
  }
}

/** Whether both keep their blocks in one place. */
export async function shareBlocks(from: Side, to: Side): Promise<boolean> {
  const [one, other] = [from.config.storage.blocks, to.config.storage.blocks];
  if (one.kind === "Local" && other.kind === "Local") return await isSamePath(one.path, other.path);
  if (one.kind !== "S3" || other.kind !== "S3") return false;
  const place = ({ bucket, endpoint, prefix }: typeof one) =>
    JSON.stringify([bucket, endpoint, prefix]);
  return place(one) === place(other);
}

async function isSamePath(one: string, other: string): Promise<boolean> {
  if (resolve(one) === resolve(other)) return true;
  const [a, b] = await Promise.all([one, other].map((path) =>
    Deno.stat(path).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    })
  ));
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}

function isSameServer(one: ServerUrl | undefined, other: ServerUrl | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  return one.database === other.database && one.host === other.host && one.port === other.port &&
    one.socket === other.socket;
}

function serverOf({ config: { storage: { database } } }: Side): ServerUrl | undefined {
  if (database.kind !== "postgres" && database.kind !== "mysql") return undefined;
  const url = readServerUrl(database.kind, database.url.reveal());
  return url instanceof Refusal ? undefined : url;
}
