// CORS (wire §9): a page of any origin may call the node and read its answers.

import assert from "node:assert/strict";
import { allowCrossOrigin } from "../../../src/http/cors.ts";

function answered(asked?: string, origin?: string): Headers {
  const request = new Request("http://node/", {
    headers: {
      ...(asked === undefined ? {} : { "access-control-request-headers": asked }),
      ...(origin === undefined ? {} : { origin }),
    },
  });
  const headers = new Headers({ vary: "accept" });
  allowCrossOrigin(request, headers);
  return headers;
}

Deno.test("an answer carries the five headers, and no leave for credentials", () => {
  assert.deepEqual(Object.fromEntries(answered(undefined, "https://app.example")), {
    "access-control-allow-headers": "*, Authorization",
    "access-control-allow-methods": "POST, PUT, GET, HEAD, OPTIONS, DELETE",
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "*, Authorization, ETag",
    "access-control-max-age": "600",
    vary: "accept",
  });
});

const NAMED: readonly string[] = [
  "authorization",
  "authorization, x-tinycloud-meta-a",
  "a,b\t, c",
  "!#$%&'*+-.^_`|~0Aa",
  "a".repeat(1024),
];
for (const asked of NAMED) {
  Deno.test(`${asked.slice(0, 40)} is allowed by name`, () => {
    const headers = answered(asked);
    assert.equal(headers.get("access-control-allow-headers"), `*, Authorization, ${asked}`);
    assert.equal(headers.get("vary"), "accept, Access-Control-Request-Headers");
  });
}

const IGNORED: readonly string[] = [
  "",
  "a b",
  "a,",
  ",a",
  "a,,b",
  "a;b",
  "a:b",
  '"a"',
  "a=b",
  "<script>",
  "\u00e9",
  "a".repeat(1025),
  ", ".repeat(512),
];
for (const asked of IGNORED) {
  Deno.test(`${Deno.inspect(asked.slice(0, 40))} is no list of names, and is not repeated`, () => {
    const headers = answered(asked);
    assert.equal(headers.get("access-control-allow-headers"), "*, Authorization");
    assert.equal(headers.get("vary"), "accept");
  });
}
