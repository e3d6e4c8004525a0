// Statements and transactions on a database server, with what can go wrong on the way to it.
//
// Every piece of work has one deadline. What the server has undone, and what a lost connection has cut
// off, is run again until then, after a random pause. That includes a COMMIT of which nobody knows
// whether it took place: whatever is run again must find out by what it reads (a guard's attempt), or
// come to the same. After the deadline its connection is destroyed, so that a server that answers
// nothing holds nobody up, and the work fails with `storage_unavailable`.

import { type ErrorCode, NodeError } from "../../errors.ts";
import type { Row } from "../rows.ts";
import type { Workload } from "../repository.ts";
import type { Connection, Dialect, Driver, Failure, Result, Value } from "./driver.ts";
import { inTime, unavailable } from "./in_time.ts";

/** Runs statements, one after the other. */
export interface Session {
  all(sql: string, ...values: readonly Value[]): Promise<readonly Row[]>;
  /** The first row. */
  one(sql: string, ...values: readonly Value[]): Promise<Row | undefined>;
  /** How many rows it changed. */
  run(sql: string, ...values: readonly Value[]): Promise<number>;
  /** As `run`, of a statement made by `insertNumbered`; the number. */
  insert(sql: string, ...values: readonly Value[]): Promise<number>;
}

export interface ServerOptions {
  /** Milliseconds that one piece of work may take, with all its tries. */
  readonly deadlineMs: number;
  /** Milliseconds to wait for a connection of the pool. */
  readonly connectMs: number;
}

/** Waiting for a connection; beyond, work is refused at once. */
const MAX_WAITING = 10_000;
const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 500;

const CODES: Readonly<Partial<Record<Failure, ErrorCode>>> = {
  full: "storage_full",
  readonly: "storage_readonly",
};

export class Server implements AsyncDisposable {
  readonly #driver: Driver;
  readonly #options: ServerOptions;
  #underWay = 0;
  #connected = 0;
  #idle = Promise.withResolvers<void>();
  #isClosed = false;

  constructor(driver: Driver, options: ServerOptions) {
    this.#driver = driver;
    this.#options = options;
  }

  /** Each statement by itself, on any connection: reads, and what may be run twice. */
  readonly statements: Session = {
    all: (...asked) => this.direct((session) => session.all(...asked)),
    one: (...asked) => this.direct((session) => session.one(...asked)),
    run: (...asked) => this.direct((session) => session.run(...asked)),
    insert: (...asked) => this.direct((session) => session.insert(...asked)),
  };

  /** Milliseconds that one piece of work may take. */
  get deadlineMs(): number {
    return this.#options.deadlineMs;
  }

  /** Work that has a connection, and that waits for one or for another try. */
  get workload(): Workload {
    return { running: this.#connected, waiting: this.#underWay - this.#connected };
  }

  get dialect(): Dialect {
    return this.#driver.dialect;
  }

  /** As `statements`, all on one connection. */
  direct<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#tried((connection) => work(sessionOn(connection)));
  }

  /**
   * Work in one transaction at READ COMMITTED: each statement sees what was committed before it. The
   * transaction is undone when `work` throws. It may run more than once.
   */
  transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#tried(async (connection) => {
      await connection.query("BEGIN", []);
      let result: T;
      try {
        result = await work(sessionOn(connection));
      } catch (error) {
        await connection.query("ROLLBACK", []).catch(() => connection.destroy());
        throw error;
      }
      try {
        await connection.query("COMMIT", []);
      } catch (error) {
        // What is said of anything else, such as a time limit, does not say what became of it.
        const kind = this.#driver.failureOf(error);
        throw kind === "lost" || kind === "other" ? new UnknownCommit(error) : error;
      }
      return result;
    });
  }

  /** Work without a deadline, for commands that read the whole store; not tried again. */
  async patient<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const connection = await this.#connect(Infinity).catch((error) => {
      throw this.#translated(error);
    });
    try {
      await connection.unhurried();
      return await work(sessionOn(connection));
    } catch (error) {
      throw this.#translated(error);
    } finally {
      connection.destroy();
    }
  }

  /** Refuses new work, waits for what is under way, and closes the pool. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    if (this.#underWay > 0) await this.#idle.promise;
    await this.#driver.close();
  }

  async #tried<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new NodeError("storage_unavailable");
    if (this.#underWay >= MAX_WAITING) throw unavailable("too much work waits for the database");
    this.#underWay++;
    try {
      let until = performance.now() + this.#options.deadlineMs;
      let isUnknown = false;
      for (let pauseMs = FIRST_PAUSE_MS;; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
        try {
          return await this.#once(work, until);
        } catch (error) {
          // It takes what it takes, within reason, to learn what became of it.
          if (error instanceof UnknownCommit) {
            isUnknown = true;
            until = performance.now() + this.#options.deadlineMs;
          }
          const isWorthIt = isUnknown || this.#isWorthAnotherTry(error);
          const waitMs = pauseMs * (0.5 + Math.random());
          if (!isWorthIt || performance.now() + waitMs >= until) {
            throw this.#translated(error);
          }
          await new Promise((resolve) => setTimeout(resolve, waitMs));
        }
      }
    } finally {
      if (--this.#underWay === 0 && this.#isClosed) this.#idle.resolve();
    }
  }

  async #once<T>(work: (connection: Connection) => Promise<T>, until: number): Promise<T> {
    const connection = await this.#connect(until);
    this.#connected++;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      connection.destroy();
    }, Math.max(0, until - performance.now()));
    try {
      const result = await work(connection);
      connection.release();
      return result;
    } catch (error) {
      // What the server itself has said leaves the connection in order.
      const kind = this.#failureOf(error);
      if (error instanceof NodeError || kind === "undone" || kind === "taken") connection.release();
      else connection.destroy();
      if (error instanceof UnknownCommit) throw error;
      throw isLate ? unavailable("the database did not answer in time") : error;
    } finally {
      this.#connected--;
      clearTimeout(timer);
    }
  }

  async #connect(until: number): Promise<Connection> {
    const waitMs = Math.min(this.#options.connectMs, Math.max(0, until - performance.now()));
    const connecting = this.#driver.connect();
    let isLate = true;
    try {
      const late = "no connection to the database came free in time";
      const connection = await inTime(connecting, waitMs, late);
      isLate = false;
      return connection;
    } finally {
      if (isLate) connecting.then((connection) => connection.release(), () => {});
    }
  }

  #isWorthAnotherTry(error: unknown): boolean {
    if (error instanceof NodeError) return false;
    const kind = this.#failureOf(error);
    return kind === "undone" || kind === "taken" || kind === "lost";
  }

  #translated(error: unknown): NodeError {
    if (error instanceof NodeError) return error;
    const cause = error instanceof UnknownCommit ? error.cause : error;
    const code = CODES[this.#failureOf(error)] ?? "storage_unavailable";
    return new NodeError(code, undefined, { cause });
  }

  #failureOf(error: unknown): Failure {
    return error instanceof UnknownCommit ? "lost" : this.#driver.failureOf(error);
  }
}

/** The connection was lost while its transaction was being committed. */
class UnknownCommit extends Error {
  constructor(cause: unknown) {
    super("the connection was lost during a commit", { cause });
  }
}

/** `(?, ?, …)`-lists of few lengths, so that few statements are prepared: the last value repeats. */
export function listOf<V extends Value>(
  values: readonly V[],
): { readonly marks: string; readonly values: readonly V[] } {
  const last = values.at(-1);
  if (last === undefined) return { marks: "(NULL)", values: [] };
  const length = 2 ** Math.ceil(Math.log2(values.length));
  const padded = [...values, ...new Array<V>(length - values.length).fill(last)];
  return { marks: `(${padded.map(() => "?").join(", ")})`, values: padded };
}

function sessionOn(connection: Connection): Session {
  const query = (sql: string, values: readonly Value[]): Promise<Result> =>
    connection.query(sql, values);
  return {
    all: async (sql, ...values) => (await query(sql, values)).rows,
    one: async (sql, ...values) => (await query(sql, values)).rows[0],
    run: async (sql, ...values) => (await query(sql, values)).changes,
    insert: async (sql, ...values) => {
      const { id } = await query(sql, values);
      if (id === undefined) throw new TypeError("the database gave no number");
      return id;
    },
  };
}
