// Listening, and stopping without cutting anybody off.

import { ConfigError } from "../config/refusal.ts";

/** How long answers may take to go out once the node stops. */
const DRAIN_MS = 30_000;

export interface Listener extends AsyncDisposable {
  /** `http://address:port`. */
  readonly url: string;
}

/** Starts to listen. Disposing lets requests in flight end. Throws ConfigError with a sentence. */
export function listen(
  hostname: string,
  port: number,
  handler: (request: Request) => Response | Promise<Response>,
): Listener {
  let open = 0;
  let allSent = Promise.withResolvers<void>();
  const sent = () => {
    if (--open === 0) allSent.resolve();
  };
  const server = serve(hostname, port, (request, { completed }) => {
    if (open++ === 0) allSent = Promise.withResolvers();
    completed.then(sent, sent);
    return handler(request);
  });
  return {
    url: urlOf(server.addr),
    async [Symbol.asyncDispose]() {
      const stopped = server.shutdown();
      const { promise: timeout, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, DRAIN_MS);
      // The runtime waits for bodies that were announced and never sent, too; nobody here does.
      const answered = open === 0 ? Promise.resolve() : allSent.promise;
      await Promise.race([stopped, answered.then(pause), timeout]);
      clearTimeout(timer);
    },
  };
}

/** Connections that are just idle close within this time. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 100));
}

function serve(
  hostname: string,
  port: number,
  handler: Deno.ServeHandler<Deno.NetAddr>,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({ hostname, port, onListen: () => {} }, handler);
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
