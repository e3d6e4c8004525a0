// What this program uses of `pg`. Its published types bring those of another runtime's version along,
// which then stand for everybody's `node:` modules.

declare namespace pg {
  type Values = readonly (string | number | Uint8Array | null)[];

  interface QueryConfig {
    readonly name?: string;
    readonly text: string;
    readonly values?: Values;
  }

  interface QueryResult<R> {
    /** Absent when the text held several statements. */
    readonly rows?: R[];
    readonly rowCount: number | null;
  }

  interface ClientOptions {
    readonly connectionString?: string;
    readonly host?: string;
    readonly port?: number;
    readonly user?: string;
    readonly password?: string;
    readonly database?: string;
    readonly ssl?: false | {
      readonly rejectUnauthorized: boolean;
      readonly ca?: string;
      readonly checkServerIdentity?: () => undefined;
    };
    readonly application_name?: string;
    readonly keepAlive?: boolean;
    readonly types?: { getTypeParser(oid: number, format?: string): (text: string) => unknown };
  }

  interface PoolOptions extends ClientOptions {
    readonly max?: number;
    readonly idleTimeoutMillis?: number;
    readonly connectionTimeoutMillis?: number;
  }

  class Client {
    constructor(options: ClientOptions);
    connect(): Promise<void>;
    query<R = Record<string, unknown>>(query: string | QueryConfig): Promise<QueryResult<R>>;
    on(event: "error", listener: (error: Error) => void): this;
    end(): Promise<void>;
  }

  interface PoolClient extends Client {
    release(destroys?: boolean): void;
  }

  class Pool {
    constructor(options: PoolOptions);
    connect(): Promise<PoolClient>;
    on(event: "error", listener: (error: Error) => void): this;
    end(): Promise<void>;
  }

  class DatabaseError extends Error {
    readonly code: string | undefined;
  }

  function escapeIdentifier(name: string): string;
  const types: { getTypeParser(oid: number, format?: string): (text: string) => unknown };
}

export default pg;
