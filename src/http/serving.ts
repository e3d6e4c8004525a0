// Listening, and stopping without cutting anybody off.

import { ConfigError } from "../config/refusal.ts";

/** How long answers may take to go out once the node stops. */
const DRAIN_MS = 30_000;
/** How long idle connections may take to close. */
const CLOSE_MS = 250;

/** What the listener knows of a request beside it. */
export interface Connection {
  /** The address at the socket's other end. */
  readonly peer: string;
  /** Settles when the answer is sent, or its connection is gone. */
  readonly sent: Promise<void>;
}

export interface Listener extends AsyncDisposable {
  /** `http://address:port`. */
  readonly url: string;
}

/**
 * Starts to listen. Disposing lets requests in flight end. `broken` is told of answers that failed
 * after they had begun: the connection is cut. Throws ConfigError with a sentence.
 */
export function listen(
  hostname: string,
  port: number,
  handler: (request: Request, connection: Connection) => Response | Promise<Response>,
  broken: (error: unknown) => void,
): Listener {
  let open = 0;
  let allSent = Promise.withResolvers<void>();
  const sent = () => {
    if (--open === 0) allSent.resolve();
  };
  const answer: Deno.ServeHandler<Deno.NetAddr> = (request, { completed, remoteAddr }) => {
    if (open++ === 0) allSent = Promise.withResolvers();
    completed.then(sent, sent);
    return handler(request, { peer: remoteAddr.hostname, sent: completed });
  };
  const onError = (error: unknown) => {
    broken(error);
    return new Response(null, { status: 500 });
  };
  const server = serve(hostname, port, answer, onError);
  return {
    url: urlOf(server.addr),
    async [Symbol.asyncDispose]() {
      // First the answers: a shutdown makes the runtime cut off bodies that are still arriving
      // (denoland/deno#36809). What comes meanwhile is told that the node stops.
      if (open > 0) await Promise.race([allSent.promise, pause(DRAIN_MS)]);
      // It also waits for bodies that were announced and never sent; nobody here does.
      await Promise.race([server.shutdown(), pause(CLOSE_MS)]);
    },
  };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => Deno.unrefTimer(setTimeout(resolve, milliseconds)));
}

function serve(
  hostname: string,
  port: number,
  handler: Deno.ServeHandler<Deno.NetAddr>,
  onError: (error: unknown) => Response,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({ hostname, port, onListen: () => {}, onError }, handler);
  } catch (cause) {
    throw new ConfigError([`cannot listen on ${hostname} port ${port}: ${reasonOf(cause)}`]);
  }
}

function reasonOf(cause: unknown): string {
  if (cause instanceof Deno.errors.AddrInUse) return "another program is listening there";
  if (cause instanceof Deno.errors.AddrNotAvailable) return "this machine has no such address";
  if (cause instanceof Deno.errors.PermissionDenied) return "the system does not allow it";
  return cause instanceof Error ? cause.message : String(cause);
}

function urlOf({ hostname, port }: Deno.NetAddr): string {
  return `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
