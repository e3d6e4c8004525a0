// The configuration as the node uses it: camel case, units in the names, paths absolute.

import { resolve } from "node:path";
import type { AwsCredentials } from "./amazon.ts";
import type { Database } from "./database.ts";
import type { Network } from "./network.ts";
import type { Values } from "./options.ts";
import type { Secret } from "./secret.ts";

export type Blocks =
  | { readonly kind: "Local"; readonly path: string }
  | {
    readonly kind: "S3";
    readonly bucket: string;
    /** Absent: Amazon's own. */
    readonly endpoint: URL | undefined;
    readonly region: string;
    /** Without slashes at its ends. */
    readonly prefix: string | undefined;
    /** Absent: they are looked for in the usual places, as a role has them. */
    readonly credentials: Secret<AwsCredentials> | undefined;
  };

/** Checked and complete. What each member means stands in options.ts. */
export interface Config {
  readonly logLevel: "off" | "critical" | "normal" | "debug";
  readonly log: {
    readonly format: "Text" | "Json";
    readonly tracing: { readonly enabled: boolean; readonly traceheader: string };
  };
  readonly address: string;
  readonly port: number;
  readonly cors: boolean;
  readonly prometheus: {
    readonly address: string;
    readonly port: number;
    /** Nobody chose the port: if it is taken, the node goes on without the listener. */
    readonly portIsDefault: boolean;
  };
  readonly storage: {
    readonly database: Database;
    readonly durability: "full" | "normal";
    readonly staging: "Memory" | "FileSystem";
    readonly stagingMemoryBytes: number;
    readonly stagingPath: string;
    readonly limitBytes: number | undefined;
    readonly maxObjectBytes: number;
    readonly totalBytes: number | undefined;
    readonly blocks: Blocks;
    readonly inlineBytes: number;
    readonly connectTimeoutMs: number;
    readonly gcIntervalMs: number;
    readonly scrubIntervalMs: number | undefined;
  };
  readonly keys: {
    readonly secret: Secret | undefined;
    readonly secretFile: string | undefined;
  };
  readonly spaces: {
    readonly allowlist: URL | undefined;
    readonly allowlistTimeoutMs: number;
    readonly perOwner: number;
    readonly max: number;
    readonly keyOwners: boolean;
  };
  readonly auth: {
    readonly maxInvocationLifetimeSeconds: number;
    readonly maxDelegationLifetimeSeconds: number | undefined;
    readonly didWeb: boolean;
  };
  readonly database: {
    readonly pool: number;
    readonly statementTimeoutMs: number;
    readonly connectTimeoutMs: number;
  };
  readonly limits: {
    readonly clientRate: number;
    readonly clientConcurrency: number;
    readonly spaceRate: number;
    readonly spaceConcurrency: number;
    readonly spaceDelegations: number;
    readonly delegatorDelegations: number;
  };
  readonly http: {
    readonly trustedProxies: readonly Network[];
    readonly bodyIdleTimeoutMs: number;
  };
  readonly retention: { readonly eventsMs: number | undefined };
}

/** What is no option's value, and yet known only where these are read. */
export interface Surroundings {
  /** Relative paths count from here. */
  readonly cwd: string;
  readonly portIsDefault: boolean;
  readonly credentials: Secret<AwsCredentials> | undefined;
}

/** The configuration that the values of the options amount to, once they have passed every check. */
export function toConfig(values: Values, surroundings: Surroundings): Config {
  const { cwd, portIsDefault } = surroundings;
  const secretFile = values["keys.secret_file"];
  const delegationLifetimeMs = values["auth.max_delegation_lifetime"];
  return {
    logLevel: values["log_level"],
    log: {
      format: values["log.format"],
      tracing: {
        enabled: values["log.tracing.enabled"],
        traceheader: values["log.tracing.traceheader"],
      },
    },
    address: values["address"],
    port: values["port"],
    cors: values["cors"],
    prometheus: {
      address: values["prometheus.address"],
      port: values["prometheus.port"],
      portIsDefault,
    },
    storage: {
      database: absolute(values["storage.database"], cwd),
      durability: values["storage.durability"],
      staging: values["storage.staging"],
      stagingMemoryBytes: values["storage.staging_memory"],
      stagingPath: resolve(cwd, values["storage.staging_path"]),
      limitBytes: values["storage.limit"],
      maxObjectBytes: values["storage.max_object"],
      totalBytes: values["storage.total"],
      blocks: blocksOf(values, surroundings),
      inlineBytes: values["storage.blocks.inline"],
      connectTimeoutMs: values["storage.connect_timeout"],
      gcIntervalMs: values["storage.gc_interval"],
      scrubIntervalMs: values["storage.scrub"],
    },
    keys: {
      secret: values["keys.secret"],
      secretFile: secretFile === undefined ? undefined : resolve(cwd, secretFile),
    },
    spaces: {
      allowlist: values["spaces.allowlist"],
      allowlistTimeoutMs: values["spaces.allowlist_timeout"],
      perOwner: values["spaces.per_owner"],
      max: values["spaces.max"],
      keyOwners: values["spaces.key_owners"],
    },
    auth: {
      maxInvocationLifetimeSeconds: values["auth.max_invocation_lifetime"] / 1000,
      maxDelegationLifetimeSeconds: delegationLifetimeMs === undefined
        ? undefined
        : delegationLifetimeMs / 1000,
      didWeb: values["auth.did_web"],
    },
    database: {
      pool: values["database.pool"],
      statementTimeoutMs: values["database.statement_timeout"],
      connectTimeoutMs: values["database.connect_timeout"],
    },
    limits: {
      clientRate: values["limits.client_rate"],
      clientConcurrency: values["limits.client_concurrency"],
      spaceRate: values["limits.space_rate"],
      spaceConcurrency: values["limits.space_concurrency"],
      spaceDelegations: values["limits.space_delegations"],
      delegatorDelegations: values["limits.delegator_delegations"],
    },
    http: {
      trustedProxies: values["http.trusted_proxies"],
      bodyIdleTimeoutMs: values["http.body_idle_timeout"],
    },
    retention: { eventsMs: values["retention.events"] },
  };
}

// Where no endpoint of Amazon's goes by it, the region only takes part in signatures.
const ANY_REGION = "us-east-1";

function blocksOf(values: Values, { cwd, credentials }: Surroundings): Blocks {
  const { "storage.blocks.type": kind, "storage.blocks.bucket": bucket } = values;
  if (kind === "Local") return { kind, path: resolve(cwd, values["storage.blocks.path"]) };
  return {
    kind,
    // Whatever has passed the checks has one.
    bucket: String(bucket),
    endpoint: values["storage.blocks.endpoint"],
    region: values["storage.blocks.region"] ?? ANY_REGION,
    prefix: values["storage.blocks.prefix"],
    credentials,
  };
}

function absolute(database: Database, cwd: string): Database {
  return database.kind === "sqlite" ? { ...database, path: resolve(cwd, database.path) } : database;
}
