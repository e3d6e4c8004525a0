// What frames a request and goes with its token (wire §5, §6, §9): headers and path.

import assert from "node:assert/strict";
import { parseSpaceId } from "../../src/capabilities/space_id.ts";
import { allowCrossOrigin } from "../../src/http/cors.ts";
import { bodyLength, tokenOf } from "../../src/http/framing.ts";
import { entryHeaders, preconditionOf } from "../../src/http/object_headers.ts";
import { keptHeaders } from "../../src/spaces/kept_headers.ts";
import { match, pathOf } from "../../src/http/router.ts";
import { peerRoute } from "../../src/http/routes/peer.ts";
import { parseTraceparent, traceId } from "../../src/telemetry/trace.ts";
import { ALICE, aUcan, KEY, SPACE } from "../support/tokens.ts";
import { clientOf, context, headersOf, requestOf } from "./parsers_node.ts";
import { counted, filled, same, type Target, target, unitsIn, whole } from "./parsers_target.ts";

const HEX = "0123456789abcdef".repeat(4);

const contentLength = target({
  kind: "content-length",
  share: 20,
  layers: [whole([
    "content-length: 12",
    "content-length: 999999999999999",
    "content-length: 3\ncontent-length: 3",
    "transfer-encoding: chunked",
    "transfer-encoding:  Chunked \ncontent-length:0",
  ])],
  shapes: unitsIn(["1", "0", " ", ",", "1,"], "content-length: 1", "1"),
  parse: (lines) => ({ length: bodyLength(requestOf("POST", "", headersOf(lines))) }),
  promises(lines, { length }) {
    const value = headersOf(lines).get("content-length");
    assert.equal(length === undefined, value === null);
    if (length !== undefined) assert.equal(BigInt(value ?? ""), BigInt(length), "another length");
  },
});

const authorization = target({
  kind: "authorization",
  share: 20,
  layers: [whole([
    `authorization: ${await aUcan()}`,
    "authorization: Bearer a.b.c",
    "authorization: a\nauthorization: b",
  ])],
  shapes: unitsIn(["bearer ", " ", "a", ",", "\t"], "authorization: ", "a"),
  parse: (lines) => tokenOf(requestOf("POST", "", headersOf(lines))),
  promises(lines, token) {
    assert.match(token, /^[^\s,]([^,]*[^\s,])?$/, "no single token");
    assert.ok(headersOf(lines).get("authorization")?.includes(token));
    const again = headersOf(`authorization: ${token}`);
    if (!/^bearer /i.test(token)) assert.equal(tokenOf(requestOf("POST", "", again)), token);
  },
});

const objectHeaders = target({
  kind: "object headers",
  share: 40,
  layers: [whole([
    "content-type: text/plain;charset=utf-8\ncontent-encoding: gzip\nx-other: a",
    'Content-Language: de\ncontent-disposition: attachment; filename="é"\nx-tinycloud-meta-a: b',
    "x-tinycloud-meta-a: b\nx-tinycloud-meta-a: c\nX-TINYCLOUD-META-: \nset-cookie: a=b",
  ], "bytes")],
  shapes: {
    ...unitsIn(["a", "\xff", " "], "content-type: "),
    "spaces in a joined value": (size) =>
      `${filled("content-type: a", " ", "a")(Math.min(size, 8100))}\ncontent-type:`,
    "names": counted("", (at) => `x-tinycloud-meta-${at}: \n`),
    "one name": filled("", "x-tinycloud-meta-a: b\n"),
  },
  parse: (lines) => {
    const headers = keptHeaders(headersOf(lines));
    return { headers, answered: entryHeaders({ hash: HEX, size: 0, headers }) };
  },
  promises(_lines, { headers, answered }) {
    const bytes = headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
    assert.ok(headers.length <= 64 && bytes <= 8192, "more than is stored");
    for (const [name, value] of headers) {
      assert.match(name, /^(content-(type|encoding|language|disposition)|x-tinycloud-meta-.*)$/);
      assert.match(value, /^[\t\x20-\x7e\x80-\xff]*$/);
    }
    same(keptHeaders(answered), headers, "answered otherwise than they were sent");
  },
});

const precondition = target({
  kind: "precondition",
  share: 30,
  layers: [whole([
    "if-none-match: *",
    `if-match: "blake3-${HEX}"`,
    `if-match: "blake3-${HEX}"\nif-none-match: *`,
    `if-match: W/"blake3-${HEX}"`,
  ])],
  shapes: {
    ...unitsIn(["*", "a", '"', ","], "if-none-match: "),
    ...unitsIn(["0", '"a",'], 'if-match: "blake3-'),
  },
  parse: (lines) => preconditionOf(headersOf(lines)),
  promises(lines, condition) {
    const headers = headersOf(lines);
    const written = condition.kind === "absent"
      ? ["*", null]
      : [null, `"blake3-${condition.hash}"`];
    assert.deepEqual([headers.get("if-none-match"), headers.get("if-match")], written, "ignored");
  },
});

const path = target({
  kind: "path",
  share: 40,
  layers: [whole([
    "/info",
    "//info",
    "///healthz?a",
    "/invoke",
    "/revoke?a=/info",
    "/info#b",
    "/x/../healthz",
    `/peer/generate/${encodeURIComponent(SPACE)}`,
    "/version/",
  ])],
  shapes: unitsIn(["/", "a", "../", "%2f", "?", "#", ":", "://", "peer/generate/"], "/"),
  parse: (path) => {
    if (!path.startsWith("/")) return undefined; // the runtime takes no other
    const url = `http://node:8000${path}`;
    return { path: pathOf(url), ...match("GET", pathOf(url)) };
  },
  reference: isKnownGet,
  promises(_input, { path, rest }) {
    assert.match(path, /^\/(?!\/)[^?#]*$/, "no path");
    assert.equal(pathOf(`http://node${path}`), path);
    assert.ok(!rest.includes("/") && path.endsWith(rest), "the rest is a segment");
  },
});

/** Does a GET of it have a route? Slashes before it count as one (wire §9). */
function isKnownGet(path: string): boolean {
  const [sent = ""] = path.split(/[?#]/, 1);
  let start = 0;
  while (sent.startsWith("//", start)) start++;
  const [, first, ...rest] = sent.slice(start).split("/");
  const route = rest.length === 0 ? first : `${first}/${rest[0]}`;
  if (!sent.startsWith("/")) return false;
  return ["", "info", "version", "healthz"].includes(route ?? "") ||
    (route === "peer/generate" && rest.length === 2 && rest[1] !== "");
}

const peer = target({
  kind: "peer",
  share: 40,
  layers: [whole([
    encodeURIComponent(SPACE),
    SPACE,
    encodeURIComponent(`tinycloud:${ALICE.did.slice(4).toLowerCase()}:a%20b`),
    `tinycloud:${KEY.did.slice(4)}:%C3%A9`,
  ])],
  shapes: unitsIn(["%", "%41", "%25", "%C3%A9", "a", ":", "%3A"], "tinycloud%3A"),
  another: (at) => `${SPACE}${at}${"a".repeat(440)}`,
  parse: async (rest) =>
    await (await peerRoute(requestOf("GET", "", new Headers()), { ...context, rest })).text(),
  async promises(rest, did) {
    assert.match(did, /^did:key:z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/);
    const { space = "" } = parseSpaceId(decodeURIComponent(rest)) ?? {};
    // What is escaped in the id itself is escaped once more in a path.
    const bare = space.includes("%") ? [] : [space];
    for (const spelled of [encodeURIComponent(space), ...bare]) {
      const again = await peerRoute(requestOf("GET", "", new Headers()), {
        ...context,
        rest: spelled,
      });
      assert.equal(await again.text(), did, "another DID for the same space");
    }
  },
});

const cors = target({
  kind: "cors",
  share: 20,
  layers: [whole(["authorization", "authorization, x-a,\tcontent-type ", "*", "a b"], "bytes")],
  shapes: unitsIn([",", " ", "a,", "a ,", "\t", "a"], "a", "a"),
  parse: (asked) => {
    const headers = new Headers();
    const given = headersOf(`access-control-request-headers: ${asked}`);
    allowCrossOrigin(requestOf("OPTIONS", "", given), headers);
    return Object.fromEntries(headers);
  },
  promises(_asked, headers) {
    assert.match(headers["access-control-allow-headers"] ?? "", /^\*, Authorization[!-~ \t]*$/);
    assert.equal(headers["access-control-allow-origin"], "*");
    assert.ok((headers["access-control-allow-headers"] ?? "").length <= 1024 + 30);
  },
});

const trace = target({
  kind: "traceparent",
  share: 20,
  layers: [whole([
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what",
    "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    `00-${"0".repeat(32)}-00f067aa0ba902b7-01`,
  ])],
  shapes: unitsIn(["0", "-", "a"], "00-4bf92f3577b34da6a3ce929d0e0e4736-"),
  parse: parseTraceparent,
  promises(header, id) {
    assert.match(id, /^(?!0{32})[0-9a-f]{32}$/);
    assert.equal(traceId(header), id);
    assert.equal(parseTraceparent(`00-${id}-00f067aa0ba902b7-01`), id);
  },
});

const client = target({
  kind: "client",
  share: 30,
  layers: [whole([
    "x-forwarded-for: 192.0.2.1, 10.0.0.2",
    'forwarded: for="[2001:db8::1]:4711";proto=https, for=10.1.2.3:80',
    "x-forwarded-for: ::ffff:192.0.2.9\nforwarded: for=192.0.2.9",
    "x-forwarded-for: fe80::1%eth0, [2001:db8::2]:1, 1.2.3",
  ])],
  shapes: {
    ...unitsIn([",", "10.0.0.1,", "a", "1:", "[", " ", "::"], "x-forwarded-for: "),
    ...unitsIn([";", "for=", 'for="', "for=10.0.0.1,", "a;", " "], "forwarded: for="),
  },
  another: (at) =>
    `forwarded: for="[2001:db8:aaaa:bbbb:cccc:dddd:eeee:${at}]";x=${"a".repeat(60_000)}`,
  parse: (lines) => clientOf("10.9.9.9", headersOf(lines)),
  promises(_lines, name) {
    assert.match(name, /^(?:unknown|\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{16}\/64)$/);
  },
});

export const HTTP_TARGETS: readonly Target[] = [
  contentLength,
  authorization,
  objectHeaders,
  precondition,
  path,
  peer,
  cors,
  trace,
  client,
];
