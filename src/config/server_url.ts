// What the URL of a database server says (configuration.md, storage.database): where it is, who asks,
// and how TLS is used. A parameter that is not known is refused: a mistyped one must not turn TLS off.

import { Refusal } from "./refusal.ts";

export interface ServerUrl {
  readonly host: string;
  readonly port: number;
  /** PostgreSQL: the folder of its socket; MySQL: the socket. Instead of host and port. */
  readonly socket?: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Absent: no TLS. */
  readonly tls?: ServerTls;
}

export interface ServerTls {
  readonly verifiesCertificate: boolean;
  readonly verifiesName: boolean;
  /** Authorities that are trusted instead of the system's. */
  readonly caFile?: string;
}

type Kind = "postgres" | "mysql";

const FULL = { verifiesCertificate: true, verifiesName: true };

/** Each kind's own words; what only encrypts is verified too, as whoever asks for TLS expects. */
const NAMES = {
  postgres: {
    port: 5432,
    socket: "host",
    mode: "sslmode",
    ca: "sslrootcert",
    modes: new Map<string, ServerTls | undefined>([
      ["disable", undefined],
      ["require", FULL],
      ["verify-ca", { verifiesCertificate: true, verifiesName: false }],
      ["verify-full", FULL],
      ["no-verify", { verifiesCertificate: false, verifiesName: false }],
    ]),
  },
  mysql: {
    port: 3306,
    socket: "socket",
    mode: "ssl-mode",
    ca: "ssl-ca",
    modes: new Map<string, ServerTls | undefined>([
      ["DISABLED", undefined],
      ["REQUIRED", FULL],
      ["VERIFY_CA", { verifiesCertificate: true, verifiesName: false }],
      ["VERIFY_IDENTITY", FULL],
      ["NO_VERIFY", { verifiesCertificate: false, verifiesName: false }],
    ]),
  },
} as const;

/** The parts of a URL that the platform can parse. Nothing of it is shown in a refusal. */
export function readServerUrl(kind: Kind, text: string): ServerUrl | Refusal {
  const { port, socket, mode, ca, modes } = NAMES[kind];
  const url = new URL(text);
  const parameters = new Map(url.searchParams);
  const known: readonly string[] = [socket, mode, ca];
  if ([...parameters.keys()].some((name) => !known.includes(name))) {
    return new Refusal("has an unknown parameter", `the parameters ${known.join(", ")}`);
  }
  const asked = parameters.get(mode);
  if (asked !== undefined && !modes.has(asked)) {
    return new Refusal(`has an unknown ${mode}`, [...modes.keys()].join(", "));
  }
  const tls = asked === undefined ? undefined : modes.get(asked);
  const caFile = parameters.get(ca);
  if (caFile !== undefined && tls === undefined) {
    return new Refusal(
      `has ${ca} without TLS`,
      `${mode} too, one of ${[...modes.keys()].join(", ")}`,
    );
  }
  const path = parameters.get(socket);
  if (path !== undefined && !path.startsWith("/")) {
    return new Refusal(`has a ${socket} that is no absolute path`, "the path of a local socket");
  }
  const parts = decoded(url);
  if (parts === undefined || parts.database === "") {
    return new Refusal("names no database", `${kind}://user:password@host:${port}/database`);
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, "") || "localhost",
    port: url.port === "" ? port : Number(url.port),
    ...parts,
    ...(path === undefined ? {} : { socket: path }),
    ...(tls === undefined ? {} : { tls: { ...tls, ...(caFile === undefined ? {} : { caFile }) } }),
  };
}

function decoded(
  { username, password, pathname }: URL,
): Pick<ServerUrl, "user" | "password" | "database"> | undefined {
  try {
    return {
      user: decodeURIComponent(username),
      password: decodeURIComponent(password),
      database: decodeURIComponent(pathname.slice(1)),
    };
  } catch {
    return undefined;
  }
}
