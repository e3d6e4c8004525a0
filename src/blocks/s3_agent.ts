// Connections to S3, kept for the next request. The runtime sends a request again by itself when a
// kept connection closes under it, also when it was closed on purpose, to end a request that took too
// long: that one would then be sent anew and wait for ever, with nobody to end it (denoland/deno
// #36786). It goes by a mark that the agent puts on such requests; these agents put none.

import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Duplex } from "node:stream";

/** The node bounds its requests itself: no space may wait for the slow readers of another. */
const OPTIONS = { keepAlive: true, maxSockets: 4096 };

/** One for each scheme. */
export function createAgents(): { readonly httpAgent: HttpAgent; readonly httpsAgent: HttpsAgent } {
  return { httpAgent: new PlainAgent(OPTIONS), httpsAgent: new TlsAgent(OPTIONS) };
}

class PlainAgent extends HttpAgent {
  override reuseSocket(socket: Duplex): void {
    useAgain(socket);
  }
}

class TlsAgent extends HttpsAgent {
  override reuseSocket(socket: Duplex): void {
    useAgain(socket);
  }
}

/** What else `reuseSocket` does: an idle connection does not keep the process alive, this one does. */
function useAgain(socket: Duplex): void {
  if ("ref" in socket && typeof socket.ref === "function") socket.ref();
}
