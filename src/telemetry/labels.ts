// Labels of metrics and lines take known values only, else `other` (wire §9): a caller who makes up
// abilities or paths can neither fill the memory with time series nor write into the log.

export const OTHER = "other";

const ABILITIES: ReadonlySet<string> = new Set([
  "tinycloud.kv/put",
  "tinycloud.kv/get",
  "tinycloud.kv/metadata",
  "tinycloud.kv/list",
  "tinycloud.kv/del",
  "tinycloud.capabilities/read",
  "tinycloud.space/host",
  "tinycloud.delegation/revoke",
]);

const ROUTES: ReadonlySet<string> = new Set([
  "/",
  "/delegate",
  "/invoke",
  "/revoke",
  "/peer/generate",
  "/version",
  "/info",
  "/healthz",
  "/livez",
]);

const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE"]);

/** The ability if this node knows it, its alias (wire §1) resolved; else `other`. */
export function knownAbility(ability: string): string {
  if (ability === "tinycloud.kv/delete") return "tinycloud.kv/del";
  return ABILITIES.has(ability) ? ability : OTHER;
}

/** The route of a path, without what a caller may choose in it; else `other`. */
export function knownRoute(path: string): string {
  if (path.startsWith("/peer/generate/")) return "/peer/generate";
  return ROUTES.has(path) ? path : OTHER;
}

/** The method if one of our routes could take it; else `other`. */
export function knownMethod(method: string): string {
  return METHODS.has(method) ? method : OTHER;
}

/** `2xx` … `5xx`; else `other`. */
export function statusClass(status: number): string {
  return status >= 100 && status < 600 ? `${Math.floor(status / 100)}xx` : OTHER;
}
