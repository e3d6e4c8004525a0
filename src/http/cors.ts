// CORS (wire §9): on every answer that the handler makes, errors included, since a browser hides an
// answer without it, and SDKs must see the 404 after which they host the space.

import { MAX_ASKED_HEADERS } from "../limits.ts";

const TOKEN_LIST =
  /^[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:[ \t]*,[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+)*[ \t]*$/;

/** Adds the headers that let a page of any origin call the node and read its answers. */
export function allowCrossOrigin(request: Request, headers: Headers): void {
  headers.set("access-control-allow-origin", "*");
  headers.set("access-control-allow-methods", "POST, PUT, GET, HEAD, OPTIONS, DELETE");
  headers.set("access-control-max-age", "600");
  headers.set("access-control-expose-headers", "*, Authorization, ETag");
  const asked = request.headers.get("access-control-request-headers");
  // `*` does not cover Authorization, and older browsers read it as a name: what was asked is named.
  if (asked !== null && asked.length <= MAX_ASKED_HEADERS && TOKEN_LIST.test(asked)) {
    headers.set("access-control-allow-headers", `*, Authorization, ${asked.trim()}`);
    headers.append("vary", "Access-Control-Request-Headers");
  } else {
    headers.set("access-control-allow-headers", "*, Authorization");
  }
}
