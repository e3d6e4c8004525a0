// Which route answers a path and method (wire §9). Paths are compared as they were sent: nothing is
// decoded or resolved, so `/x/../invoke` is not `/invoke`.

import { NodeError } from "../errors.ts";
import type { Route } from "./route.ts";
import { delegateRoute } from "./routes/delegate.ts";
import { healthRoute } from "./routes/healthz.ts";
import { homeRoute } from "./routes/home.ts";
import { infoRoute } from "./routes/info.ts";
import { invokeRoute } from "./routes/invoke.ts";
import { LIVE_PATH, liveRoute } from "./routes/livez.ts";
import { peerRoute } from "./routes/peer.ts";
import { revokeRoute } from "./routes/revoke.ts";

interface Row {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** The path is a prefix, and one more segment follows. */
  readonly takesSegment?: boolean;
  readonly route: Route;
}

/** Every route; docs/openapi.yaml is compared with it. */
export const ROUTES: readonly Row[] = [
  { method: "POST", path: "/invoke", route: invokeRoute },
  { method: "POST", path: "/delegate", route: delegateRoute },
  { method: "POST", path: "/revoke", route: revokeRoute },
  { method: "GET", path: "/peer/generate/", takesSegment: true, route: peerRoute },
  { method: "GET", path: "/", route: homeRoute },
  { method: "GET", path: "/info", route: infoRoute },
  { method: "GET", path: "/version", route: infoRoute },
  { method: "GET", path: "/healthz", route: healthRoute },
  { method: "GET", path: LIVE_PATH, route: liveRoute },
];

export interface Match {
  readonly route: Route;
  /** The segment after a prefix. */
  readonly rest: string;
}

/** A refusal that names, for the `Allow` header, the methods which the path does take. */
export class MethodNotAllowed extends NodeError {
  constructor(readonly allow: string) {
    super("method_not_allowed");
  }
}

/** The path of a request as it was sent, without query, leading slashes collapsed to one. */
export function pathOf(url: string): string {
  const path = /^[^:]*:\/\/[^/?#]*([^?#]*)/.exec(url)?.[1] || "/";
  return path.replace(/^\/+/, "/");
}

/** Throws `not_found` or MethodNotAllowed. HEAD matches where GET does. */
export function match(method: string, path: string): Match {
  const row = ROUTES.find((row) =>
    row.takesSegment ? path.startsWith(row.path) && isSegment(path, row.path) : path === row.path
  );
  if (row === undefined) throw new NodeError("not_found");
  const isAllowed = method === row.method || (method === "HEAD" && row.method === "GET");
  if (!isAllowed) {
    throw new MethodNotAllowed(row.method === "GET" ? "GET, HEAD, OPTIONS" : "POST, OPTIONS");
  }
  return { route: row.route, rest: path.slice(row.path.length) };
}

function isSegment(path: string, prefix: string): boolean {
  return path.length > prefix.length && !path.includes("/", prefix.length);
}
