// Opens a database that a server keeps: waits for the server, and brings the schema up, or only looks.

import type { ServerUrl } from "../../config/server_url.ts";
import { cannotOpen, NodeError } from "../../errors.ts";
import { pause } from "../../pause.ts";
import { LOAD_SETTING, refuseUnfinished } from "../loading.ts";
import type { Migration } from "../migrations.ts";
import type { Repository } from "../repository.ts";
import type { Driver } from "./driver.ts";
import { setting } from "./leases.ts";
import { Server, type Session } from "./server.ts";
import { serverRepository } from "./server_repository.ts";

export interface OpenServerOptions {
  readonly url: ServerUrl;
  /** `database.*`: connections at once, the longest statement, the longest wait for a connection. */
  readonly pool: number;
  readonly statementMs: number;
  readonly connectMs: number;
  /** How long to go on trying to reach the server; a refusal of its own ends it at once. */
  readonly startMs: number;
  /** Unix seconds. */
  readonly now: () => number;
  /** False: what lacks a migration is refused instead. */
  readonly migrates: boolean;
  /**
   * Another store is to be loaded into it: a load that was cut off goes on, where everybody else is
   * refused; and only what is new is migrated.
   */
  readonly loads?: boolean;
  readonly onCommit?: (batchSize: number, seconds: number) => void;
  /** Only tests have others. */
  readonly migrations?: readonly Migration[];
}

export interface Schema {
  migrate(
    session: Session,
    script: (sql: string) => Promise<void>,
    now: () => number,
  ): Promise<void>;
  /** Whether no migration has been applied. */
  isNew(session: Session): Promise<boolean>;
  /** Throws when a migration is missing. */
  verify(session: Session, name: string): Promise<void>;
}

type Common = Pick<OpenServerOptions, "url" | "pool" | "statementMs" | "connectMs">;

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/** Throws `storage_unavailable`, with a sentence for the operator; no password is in it. */
export async function openServer(
  options: OpenServerOptions,
  open: (common: Common) => Promise<Driver>,
  schema: Schema,
): Promise<Repository> {
  const { url, pool, statementMs, connectMs, now, migrates, loads = false, onCommit } = options;
  const name = `${url.database} on ${url.socket ?? `${url.host}:${url.port}`}`;
  try {
    const driver = await open({ url, pool, statementMs, connectMs });
    const server = new Server(driver, { deadlineMs: statementMs, connectMs });
    try {
      await reach(driver, options.startMs);
      await server.patient(async (session) => {
        const isOurs = migrates && (!loads || await schema.isNew(session));
        if (isOurs) await schema.migrate(session, async (sql) => void await session.run(sql), now);
        else await schema.verify(session, name);
        if (!loads) refuseUnfinished(await setting(session, LOAD_SETTING), name);
      });
      return serverRepository(server, { now, ...(onCommit === undefined ? {} : { onCommit }) });
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  } catch (error) {
    if (error instanceof NodeError && !(error.cause instanceof Error)) throw error;
    throw cannotOpen("the database", name, error);
  }
}

/** Containers start together: a server that is not there yet is waited for. */
async function reach(driver: Driver, startMs: number): Promise<void> {
  const until = performance.now() + startMs;
  for (let pauseMs = FIRST_PAUSE_MS;; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
    try {
      (await driver.connect()).release();
      return;
    } catch (error) {
      if (driver.failureOf(error) !== "lost" || performance.now() + pauseMs > until) throw error;
    }
    await pause(pauseMs);
  }
}
