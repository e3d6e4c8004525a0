// Every option, once: its name, default, unit and meaning. The sample tinycloud.toml, the
// environment's names, `tinycloud config` and the type of the values all follow this table.

import { dirname, join } from "node:path";
import { bucketName, objectPrefix, regionName } from "./bucket.ts";
import { parseDatabase, showDatabase } from "./database.ts";
import {
  bytes,
  duration,
  flag,
  headerName,
  host,
  httpUrl,
  type Kind,
  limitBytes,
  networks,
  oneOf,
  optional,
  path,
  whole,
} from "./kinds.ts";
import { Refusal } from "./refusal.ts";
import { decodeSecret, Secret } from "./secret.ts";

/** A value as it can be written in the file. */
export type Raw = string | number | boolean | readonly string[];

export interface Option<T> {
  readonly read: Kind<T>;
  /** As it would be written; or derived from the options that stand before this one. */
  readonly default: Raw | ((before: Readonly<Record<string, unknown>>) => Raw);
  /** One line, with the unit. */
  readonly meaning: string;
  /** The value for people, where that is not what was written. */
  show?(value: T): string;
  /** The feature is not in this version: asking for it stops the start. */
  readonly notYet?: true;
}

const MANY = 1_000_000_000;
// A timer counts its milliseconds in 31 bits: beyond them it fires at once.
const LONGEST_TIMER = "24 d";
// The last moment that a Date can tell.
const FOREVER = "100000000 d";

const secret: Kind<Secret> = (raw) => {
  const decoded = decodeSecret(raw);
  return decoded instanceof Refusal ? decoded : new Secret(String(raw));
};

export const OPTIONS = {
  "log_level": {
    read: oneOf("off", "critical", "normal", "debug"),
    default: "normal",
    meaning: "How much is logged: off, critical, normal or debug.",
  },
  "log.format": {
    read: oneOf("Text", "Json"),
    default: "Text",
    meaning: "Text for people, or Json: one object a line.",
  },
  "log.tracing.enabled": {
    read: flag,
    default: false,
    meaning: "Export spans by OTLP; needs OTEL_DENO=true in the environment.",
  },
  "log.tracing.traceheader": {
    read: headerName,
    default: "TinyCloud-Trace-Id",
    meaning: "The response header that carries the trace id.",
  },
  "address": {
    read: host,
    default: "127.0.0.1",
    meaning: "The address to listen on; 0.0.0.0 or :: for all.",
  },
  "port": {
    read: whole(0, 65_535),
    default: 8000,
    meaning: "The port to listen on; 0 picks a free one and prints it.",
  },
  "cors": {
    read: flag,
    default: false,
    meaning: "Let web pages of any origin use this node.",
  },
  "prometheus.address": {
    read: host,
    default: (before) => String(before["address"]),
    meaning: "The address of the metrics listener; by default that of the node.",
  },
  "prometheus.port": {
    read: whole(0, 65_535),
    default: 8001,
    meaning: "The port of the metrics listener; 0 turns it off.",
  },
  "storage.database": {
    read: parseDatabase,
    default: "sqlite::memory:",
    meaning: "The metadata: sqlite:PATH, sqlite::memory:, or a postgres:// or mysql:// URL.",
    show: showDatabase,
  },
  "storage.durability": {
    read: oneOf("full", "normal"),
    default: "full",
    meaning: "full: answers wait for the disk. normal: a power cut may lose the last moments.",
  },
  "storage.staging": {
    read: oneOf("Memory", "FileSystem"),
    default: "Memory",
    meaning: "Where uploads wait: Memory, spilling to files beyond its bound, or FileSystem.",
  },
  "storage.staging_memory": {
    read: bytes("0", "1 TiB"),
    default: "64 MiB",
    meaning: "The memory that waiting uploads may take, in the whole node.",
  },
  "storage.blocks.type": {
    read: oneOf("Local", "S3"),
    default: "Local",
    meaning: "Local: values live on this disk. S3: in a bucket, Amazon's or another's.",
  },
  "storage.blocks.path": {
    read: path,
    default: "./data/blocks",
    meaning: "Local only: the folder of the values, made when missing.",
  },
  "storage.blocks.inline": {
    read: bytes("0", "16 MiB"),
    default: "16 KiB",
    meaning: "Values up to this size live in the database; 0 for none.",
  },
  "storage.blocks.bucket": {
    read: optional("none", bucketName),
    default: "none",
    meaning: "S3 only: the bucket; it must exist. Credentials: AWS_ACCESS_KEY_ID and its like.",
  },
  "storage.blocks.endpoint": {
    read: optional("none", httpUrl),
    default: "none",
    meaning: "S3 only: the URL of a store that is not Amazon's; implies path style.",
  },
  "storage.blocks.region": {
    read: optional("none", regionName),
    default: "none",
    meaning: "S3 only: the region; else AWS_REGION or AWS_DEFAULT_REGION.",
  },
  "storage.blocks.prefix": {
    read: optional("none", objectPrefix),
    default: "none",
    meaning: "S3 only: what every object's name begins with; nothing else there is touched.",
  },
  "storage.staging_path": {
    read: path,
    default: (before) => join(dirname(String(before["storage.blocks.path"])), "staging"),
    meaning: "The folder of uploads that wait in files; by default beside the blocks.",
  },
  "storage.limit": {
    read: limitBytes,
    default: 0,
    meaning: `Bytes a space may hold, such as "10 MiB"; 0 for no limit.`,
  },
  "storage.max_object": {
    read: bytes("1 B", "1 TiB"),
    default: "1 GiB",
    meaning: "Bytes of the largest value.",
  },
  "storage.total": {
    read: limitBytes,
    default: 0,
    meaning: "Bytes that all spaces together may hold; 0 for no limit.",
  },
  "storage.connect_timeout": {
    read: duration("0 s", "1 h"),
    default: "10 s",
    meaning: "How long a start goes on trying to open the database.",
  },
  "storage.gc_interval": {
    read: duration("1 s", LONGEST_TIMER),
    default: "10 min",
    meaning: "How often dead blocks, leftovers of uploads and expired guards are collected.",
  },
  "storage.scrub": {
    read: optional("off", duration("1 min", LONGEST_TIMER)),
    default: "off",
    meaning: "How often every stored value is read and verified, gently; off for never.",
  },
  "keys.type": {
    read: oneOf("Static"),
    default: "Static",
    meaning: "Static: the keys of all spaces derive from one secret.",
  },
  "keys.secret": {
    read: optional("none", secret),
    default: "none",
    meaning: "The secret: base64url of 32 random bytes or more. Better in TINYCLOUD_KEYS_SECRET.",
    show: (value) => String(value ?? "none"),
  },
  "keys.secret_file": {
    read: optional("none", path),
    default: "none",
    meaning: "A file, of mode 0600, that holds the secret. Keep a copy of the secret elsewhere.",
  },
  "spaces.allowlist": {
    read: optional("none", httpUrl),
    default: "none",
    meaning: "URL of a service that is asked before a space is first hosted.",
  },
  "spaces.allowlist_timeout": {
    read: duration("1 ms", "1 h"),
    default: "5 s",
    meaning: "How long its answer is awaited.",
  },
  "spaces.per_owner": {
    read: whole(1, MANY),
    default: 32,
    meaning: "Spaces that one owner may host.",
  },
  "spaces.max": {
    read: whole(1, MANY),
    default: 100_000,
    meaning: "Spaces that this node may host.",
  },
  "spaces.key_owners": {
    read: flag,
    default: false,
    meaning: "Let owners host spaces that are not wallets (did:pkh).",
  },
  "auth.max_invocation_lifetime": {
    read: duration("1 s", FOREVER),
    default: 300,
    meaning: "Seconds that an invocation's expiry may lie ahead.",
  },
  "auth.max_delegation_lifetime": {
    read: optional("off", duration("1 s", FOREVER)),
    default: "off",
    meaning: "Seconds that a delegation counts at most; off: until it expires or is revoked.",
  },
  "auth.did_web": {
    read: flag,
    default: false,
    meaning: "Accept did:web issuers.",
    notYet: true,
  },
  "database.pool": {
    read: whole(1, 10_000),
    default: 10,
    meaning: "Postgres and MySQL: connections of this node.",
  },
  "database.statement_timeout": {
    read: duration("1 ms", "1 h"),
    default: "5 s",
    meaning: "Postgres and MySQL: the longest statement.",
  },
  "database.connect_timeout": {
    read: duration("1 ms", "1 h"),
    default: "2 s",
    meaning: "Postgres and MySQL: the longest wait for a connection.",
  },
  "limits.client_rate": {
    read: whole(0, MANY),
    default: 200,
    meaning: "Requests a second of one client, a refused token counting 20 or 40; 0 for no limit.",
  },
  "limits.client_concurrency": {
    read: whole(0, MANY),
    default: 64,
    meaning: "Requests of one client at once; 0 for no limit. 127.0.0.1 and ::1 have none.",
  },
  "limits.space_rate": {
    read: whole(0, MANY),
    default: 0,
    meaning: "Invocations a second in one space; 0 for no limit.",
  },
  "limits.space_concurrency": {
    read: whole(0, MANY),
    default: 256,
    meaning: "Invocations in one space at once; 0 for no limit.",
  },
  "limits.space_delegations": {
    read: whole(1, MANY),
    default: 10_000,
    meaning: "Unexpired delegations that are kept for one space.",
  },
  "limits.delegator_delegations": {
    read: whole(1, MANY),
    default: 1000,
    meaning: "Unexpired delegations of one delegator in a space of someone else.",
  },
  "http.trusted_proxies": {
    read: networks,
    default: [],
    meaning: "Networks (CIDR) whose Forwarded or X-Forwarded-For header is believed.",
  },
  "http.body_idle_timeout": {
    read: duration("1 ms", "1 h"),
    default: "30 s",
    meaning: "A body that brings less than 1 KiB in this time is refused; an unread answer ends.",
  },
  "retention.events": {
    read: optional("off", duration("1 d", FOREVER)),
    default: "off",
    meaning: "Age at which replaced events and expired delegations that nothing cites are removed.",
  },
} satisfies Record<string, Option<unknown>>;

/** The values of all options, each as its kind reads it. */
export type Values = {
  readonly [Name in keyof typeof OPTIONS]: Exclude<
    ReturnType<(typeof OPTIONS)[Name]["read"]>,
    Refusal
  >;
};

/** The same table by name. */
export const TABLE: ReadonlyMap<string, Option<unknown>> = new Map(Object.entries(OPTIONS));
