// Paths and methods (wire §9): compared as sent, nothing decoded or resolved.

import assert from "node:assert/strict";
import { match, MethodNotAllowed, pathOf } from "../../../src/http/router.ts";
import { refusalOf } from "../../support/tokens.ts";

const PATHS: readonly [url: string, path: string][] = [
  ["http://node/invoke", "/invoke"],
  ["http://node:8000/invoke?x=/y#z", "/invoke"],
  ["http://node/invoke#/x?y", "/invoke"],
  ["http://node//invoke", "/invoke"],
  ["http://node////invoke", "/invoke"],
  ["http://node/invoke/", "/invoke/"],
  ["http://node/invoke//", "/invoke//"],
  ["http://node/x//invoke", "/x//invoke"],
  ["http://node/x/../invoke", "/x/../invoke"],
  ["http://node/./invoke", "/./invoke"],
  ["http://node/%69nvoke", "/%69nvoke"],
  ["http://node/Invoke", "/Invoke"],
  ["http://node/", "/"],
  ["http://node//", "/"],
  ["http://node", "/"],
  ["http://node?a", "/"],
  ["http://node?/invoke", "/"],
  ["http://node#/invoke", "/"],
  ["http://node/?//invoke", "/"],
  ["https://[::1]:443/invoke", "/invoke"],
  ["http://user@node/invoke", "/invoke"],
  ["http://node/peer/generate/a//b", "/peer/generate/a//b"],
];
for (const [url, path] of PATHS) {
  Deno.test(`the path of ${url} is ${path}`, () => assert.equal(pathOf(url), path));
}

const POSTS = ["/invoke", "/delegate", "/revoke"];
const GETS = ["/", "/info", "/version", "/healthz", "/livez", "/peer/generate/x"];

for (const path of POSTS) {
  Deno.test(`${path} takes POST alone`, () => {
    assert.equal(match("POST", path).rest, "");
    for (const method of ["GET", "HEAD", "PUT", "DELETE", "PATCH", "post", "TRACE"]) {
      const refusal = refusalOf(() => match(method, path));
      assert.ok(refusal instanceof MethodNotAllowed);
      assert.equal(refusal.code, "method_not_allowed");
      assert.equal(refusal.allow, "POST, OPTIONS");
    }
  });
}

for (const path of GETS) {
  Deno.test(`${path} takes GET and HEAD alone`, () => {
    assert.equal(match("GET", path).route, match("HEAD", path).route);
    for (const method of ["POST", "PUT", "DELETE", "get", "CONNECT"]) {
      const refusal = refusalOf(() => match(method, path));
      assert.ok(refusal instanceof MethodNotAllowed);
      assert.equal(refusal.allow, "GET, HEAD, OPTIONS");
    }
  });
}

Deno.test("both names of the node's own answer are one route", () => {
  assert.equal(match("GET", "/info").route, match("GET", "/version").route);
});

Deno.test("each path has a route of its own", () => {
  const routes = [
    ...POSTS.map((path) => match("POST", path)),
    ...GETS.map((path) => match("GET", path)),
  ];
  assert.equal(new Set(routes.map(({ route }) => route)).size, POSTS.length + GETS.length - 1);
});

Deno.test("the segment after the prefix is given as it was sent", () => {
  assert.equal(match("GET", "/peer/generate/tinycloud:a%3Ab:c").rest, "tinycloud:a%3Ab:c");
  assert.equal(match("HEAD", "/peer/generate/%2F").rest, "%2F");
});

const NONE: readonly string[] = [
  "",
  "/invoke/",
  "/Invoke",
  "/invokes",
  "/x/invoke",
  "/x/../invoke",
  "/%69nvoke",
  "/invoke;x",
  "/info/",
  "/healthz/x",
  "/peer",
  "/peer/generate",
  "/peer/generate/",
  "/peer/generate/a/",
  "/peer/generate/a/b",
  "/peer/generate//a",
  "/peer/generatex",
  "/__proto__",
  "/constructor",
];
for (const path of NONE) {
  Deno.test(`"${path}" is no path of ours, whatever the method`, () => {
    for (const method of ["GET", "POST", "DELETE"]) {
      assert.equal(refusalOf(() => match(method, path))?.code, "not_found");
    }
  });
}
