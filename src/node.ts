// The composition root: opens the stores, puts the services together, listens; closes it all again.
// Only this file knows which back-ends there are.

import { dirname } from "node:path";
import type { Blocks } from "./blocks/blocks.ts";
import { startCollector } from "./blocks/collector.ts";
import { makeFolders } from "./blocks/folders.ts";
import { openBlocks, placeOfBlocks } from "./blocks/open.ts";
import { paced } from "./blocks/pace.ts";
import { startScrub } from "./blocks/scrub.ts";
import { openStaging } from "./blocks/staging.ts";
import { timedBlocks } from "./blocks/timed.ts";
import type { Config } from "./config/config.ts";
import { loadSecret } from "./config/node_secret.ts";
import { ConfigError } from "./config/refusal.ts";
import { fingerprint, FINGERPRINT_SETTING } from "./config/secret.ts";
import { cannotOpen, type ErrorCode } from "./errors.ts";
import { clientsBehind } from "./http/clients.ts";
import { gate } from "./http/gate.ts";
import { createHandler } from "./http/handler.ts";
import { healthCheck } from "./http/health.ts";
import type { Services } from "./http/route.ts";
import { listen, type Listener } from "./http/serving.ts";
import { STATUS } from "./http/status.ts";
import { operator } from "./http/status_report.ts";
import { deriveHostKeys, type HostKeys } from "./keys/host_keys.ts";
import { lockFile } from "./repository/lock_file.ts";
import { openRepository } from "./repository/open.ts";
import type { Repository } from "./repository/repository.ts";
import { refuseIncoming } from "./repository/sqlite/incoming.ts";
import { allowlist, openAdmission } from "./spaces/admission.ts";
import type { Rules } from "./spaces/ports.ts";
import { watchActivity } from "./telemetry/activity.ts";
import { type Clock, systemClock } from "./telemetry/clock.ts";
import type { Log } from "./telemetry/log.ts";
import { type Metrics, noMetrics } from "./telemetry/metrics.ts";
import { operatorHandler, type OperatorViews } from "./telemetry/operator_handler.ts";
import { createMetrics, type ExportedMetrics } from "./telemetry/prometheus.ts";
import { noSpans, runtimeSpans } from "./telemetry/spans.ts";
import { VERSION } from "./version.ts";

export interface NodeOptions {
  readonly log: Log;
  readonly clock?: Clock;
  /** Take over a database that was used with another secret. */
  readonly acceptNewSecret?: boolean;
  /** The runtime makes spans (spans.ts). */
  readonly hasSpans?: boolean;
}

export interface RunningNode extends AsyncDisposable {
  /** `http://address:port`. */
  readonly url: string;
  readonly metricsUrl: string | undefined;
  readonly nodeId: string;
  readonly services: Services;
  /** Stops accepting, lets requests in flight end, closes the stores. */
  stop(): Promise<void>;
}

/** Starts a node. Throws ConfigError or NodeError with one sentence; nothing is left half made. */
export async function startNode(
  config: Config,
  { log, clock = systemClock, acceptNewSecret = false, hasSpans = false }: NodeOptions,
): Promise<RunningNode> {
  await using opened = new AsyncDisposableStack();
  const exported = openMetrics(config, opened);
  const activity = watchActivity(exported ?? noMetrics, clock);
  const { metrics } = activity;
  const repository = opened.use(await openDatabase(config, clock, metrics, log, opened));
  const keys = await openKeys(config, repository, acceptNewSecret, log);
  const blocks = timedBlocks(opened.use(await openProbedBlocks(config.storage)), metrics);
  const { storage, limits } = config;
  const staging = opened.use(
    await opening("the staging folder", storage.stagingPath, () =>
      openStaging({
        mode: storage.staging,
        memoryBytes: storage.stagingMemoryBytes,
        path: storage.stagingPath,
        inlineBytes: storage.inlineBytes,
      })),
  );

  const services: Services = {
    repository,
    blocks,
    staging,
    keys,
    clock,
    admission: config.spaces.allowlist === undefined ? openAdmission : allowlist({
      url: config.spaces.allowlist,
      timeoutMs: config.spaces.allowlistTimeoutMs,
      clock,
    }),
    rules: rulesOf(config),
    log,
    metrics,
    spans: hasSpans ? runtimeSpans() : noSpans,
    version: VERSION,
    bodyIdleTimeoutMs: config.http.bodyIdleTimeoutMs,
    spaceGate: gate({ rate: limits.spaceRate, concurrency: limits.spaceConcurrency, clock }),
    health: healthCheck({ repository, blocks, clock, log, metrics }),
  };
  let isStopping = false;
  const { refreshMetrics, status } = operator({
    services,
    activity,
    kinds: { database: storage.database.kind, blocks: storage.blocks.kind.toLowerCase() },
    isStopping: () => isStopping,
  });
  // Before the node's own listener, so that it closes after it: a node that drains can be watched.
  const metricsUrl = exported === undefined ? undefined : listenToOperator(
    config,
    {
      metrics: async () => {
        await refreshMetrics();
        return await exported.text();
      },
      status,
    },
    log,
    opened,
  );
  // An answer that has begun can only be cut off: its status is out.
  const broken = (cause: unknown) => log.warn("request.failed", { note: "answer cut off", cause });
  const listener = opened.use(listen(
    config.address,
    config.port,
    createHandler(services, {
      cors: config.cors,
      traceHeader: config.log.tracing.traceheader,
      isStopping: () => isStopping,
      clientOf: clientsBehind(config.http.trustedProxies),
      clientGate: gate({ rate: limits.clientRate, concurrency: limits.clientConcurrency, clock }),
    }),
    broken,
  ));
  exported?.load().catch((cause) => log.error("metrics.unavailable", { cause }));
  startHousekeeping(config, services, opened);
  const resources = opened.move();
  const stop = async () => {
    isStopping = true;
    await resources.disposeAsync();
  };
  return {
    url: listener.url,
    metricsUrl,
    nodeId: keys.nodeId,
    services,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function openMetrics(
  { prometheus, spaces, storage }: Config,
  opened: AsyncDisposableStack,
): ExportedMetrics | undefined {
  if (prometheus.port === 0) return undefined;
  return opened.use(createMetrics({
    version: VERSION,
    codes: Object.keys(STATUS) as ErrorCode[], // the table has a row for each code, and no other
    maxSpaces: spaces.max,
    maxBytes: storage.totalBytes,
    collectionIntervalSeconds: storage.gcIntervalMs / 1000,
  }));
}

async function openDatabase(
  config: Config,
  clock: Clock,
  metrics: Metrics,
  log: Log,
  opened: AsyncDisposableStack,
): Promise<Repository> {
  const { database } = config.storage;
  if (database.kind === "sqlite") {
    const { path } = database;
    await opening("the folder of the database", dirname(path), () => makeFolders(dirname(path)));
    opened.use(await lockFile(`${path}.lock`, `another node is using the database ${path}`));
    await refuseIncoming(path);
  }
  return await openRepository(config, "serve", {
    now: () => clock.nowSeconds(),
    onCommit: metrics.committed,
    onCopy: (path) => log.info("database.migrated", { note: `as it was before: ${path}` }),
  });
}

async function openKeys(
  { keys, storage }: Config,
  repository: Repository,
  acceptNewSecret: boolean,
  log: Log,
): Promise<HostKeys> {
  const known = await repository.setting(FINGERPRINT_SETTING);
  const mayMake = known === undefined || acceptNewSecret;
  const { secret, warnings } = await loadSecret(keys, storage.database, { mayMake });
  const own = fingerprint(secret);
  if (known !== undefined && known !== own && !acceptNewSecret) {
    throw new ConfigError([
      "this database was used with another keys.secret, and every host key would change silently: " +
      "configure the old secret, or start once with --accept-new-secret",
    ]);
  }
  if (known !== own) await repository.setSetting(FINGERPRINT_SETTING, own);
  for (const note of warnings) log.warn("config.warning", { note });
  return deriveHostKeys(secret.reveal());
}

function openProbedBlocks(storage: Config["storage"]): Promise<Blocks> {
  return opening("the blocks", placeOfBlocks(storage.blocks), async () => {
    await using opened = new AsyncDisposableStack();
    const blocks = opened.use(await openBlocks(storage));
    await blocks.probe();
    opened.move();
    return blocks;
  });
}

/** A store that does not open is told with its place and the reason. */
async function opening<T>(what: string, path: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw cannotOpen(what, path, error);
  }
}

function rulesOf({ auth, spaces, limits, storage }: Config): Rules {
  return {
    maxInvocationLifetime: auth.maxInvocationLifetimeSeconds,
    maxDelegationLifetime: auth.maxDelegationLifetimeSeconds,
    keyOwners: spaces.keyOwners,
    spacesPerOwner: spaces.perOwner,
    spaces: spaces.max,
    spaceDelegations: limits.spaceDelegations,
    delegatorDelegations: limits.delegatorDelegations,
    maxObject: storage.maxObjectBytes,
    spaceLimit: storage.limitBytes,
    totalLimit: storage.totalBytes,
    inlineLimit: storage.inlineBytes,
  };
}

/** What a node does between the requests. */
function startHousekeeping(
  { storage, auth, retention: { eventsMs } }: Config,
  { repository, blocks, staging, clock, log, metrics }: Services,
  opened: AsyncDisposableStack,
): void {
  // The lock of a database's file lets no second node be: it may have the same name each time, and
  // so goes on at once after a crash. On a server there may be others.
  const isAlone = storage.database.kind === "sqlite" || storage.database.kind === "memory";
  const holder = isAlone ? "node" : `node ${crypto.randomUUID()}`;
  const ports = { repository, blocks, clock, log, holder };
  opened.use(startCollector({
    ...ports,
    metrics,
    staging,
    intervalMs: storage.gcIntervalMs,
    guardSeconds: auth.maxInvocationLifetimeSeconds + 60,
    pace: paced({ clock, share: 0.25 }),
    ...(eventsMs === undefined ? {} : { retentionSeconds: eventsMs / 1000 }),
  }));
  if (storage.scrubIntervalMs === undefined) return;
  opened.use(startScrub({ ...ports, metrics, intervalMs: storage.scrubIntervalMs }));
}

/** A metrics port that nobody chose may be taken: the node does its work without. */
function listenToOperator(
  { prometheus: { address, port, portIsDefault } }: Config,
  views: OperatorViews,
  log: Log,
  opened: AsyncDisposableStack,
): string | undefined {
  let listener: Listener;
  try {
    const failed = (cause: unknown) => log.error("metrics.unavailable", { cause });
    listener = opened.use(listen(address, port, operatorHandler(views), failed));
  } catch (error) {
    if (!portIsDefault) throw error;
    log.warn("metrics.unavailable", { note: `port ${port} is taken: no metrics this time` });
    return undefined;
  }
  log.info("metrics.started", { address: listener.url });
  return listener.url;
}
