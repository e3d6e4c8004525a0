// wire §5, GET /peer/generate: the node's DID for a space.

import assert from "node:assert/strict";
import { ed25519 } from "@noble/curves/ed25519.js";
import { blake3 } from "@noble/hashes/blake3.js";
import { base58btc } from "multiformats/bases/base58";
import { base64url } from "multiformats/bases/base64";
import { randomWallet, spaceId } from "../../client/mod.ts";
import { ask, assertOk } from "../support/asking.ts";
import { startTestNode, type TestNode } from "../support/node.ts";
import { askRaw } from "../support/raw_http.ts";
import { NO_SPACE_ID } from "../support/refusals.ts";
import { refusesUntouched } from "../support/state.ts";
import { host } from "../support/world.ts";

const SECRET = new Uint8Array(40).map((_, index) => index * 5 + 1);
const env = {
  TINYCLOUD_KEYS_SECRET: base64url.baseEncode(SECRET),
  TINYCLOUD_STORAGE_DURABILITY: "normal",
};
const node = await startTestNode({ env });
Deno.test.afterAll(async () => await node[Symbol.asyncDispose]());

const get = (segment: string, at: TestNode = node) =>
  ask(at, `/peer/generate/${segment}`, { method: "GET" });

/** The DID by the contract's own words. */
function didFor(text: string): string {
  const seed = blake3(Uint8Array.of(...SECRET, ...new TextEncoder().encode(text)));
  const bytes = Uint8Array.of(0xed, 1, ...ed25519.getPublicKey(seed));
  return `did:key:${base58btc.encode(bytes)}`;
}

const wallet = randomWallet();
const space = spaceId(wallet.did);

Deno.test("wire §5: the DID is made of the secret and the space, and comes bare", async () => {
  const answer = assertOk(await get(encodeURIComponent(space)));
  assert.equal(answer.text, didFor(space));
  assert.match(answer.text, /^did:key:z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/);
  assert.match(answer.headers.get("content-type") ?? "", /^text\/plain/);
});

Deno.test("wire §9: the node's own DID is made alike", async () => {
  const { nodeId } = JSON.parse((await ask(node, "/info", { method: "GET" })).text);
  assert.equal(nodeId, didFor("tinycloud/node/identity"));
});

Deno.test("wire §5: hosting the space changes nothing", async () => {
  const before = (await get(encodeURIComponent(space))).text;
  await host(node, wallet);
  assert.equal((await get(encodeURIComponent(space))).text, before);
});

Deno.test("wire §5: the DID is that of the canonical id", async () => {
  for (
    const spelled of [
      space.toLowerCase(),
      space.replace(/0x\w+/, (hex) => `0x${hex.slice(2).toUpperCase()}`),
    ]
  ) {
    assert.equal(assertOk(await get(encodeURIComponent(spelled))).text, didFor(space));
  }
});

Deno.test("wire §5: colons need no escape, and whatever else is escaped is the same", async () => {
  const all = [...space].map((character) =>
    `%${character.charCodeAt(0).toString(16).padStart(2, "0")}`
  ).join("");
  for (const segment of [space, encodeURIComponent(space), all, all.toUpperCase()]) {
    assert.equal(assertOk(await get(segment)).text, didFor(space));
  }
});

Deno.test("wire §5: the segment is decoded once", async () => {
  const escaped = `${space}%3A`;
  assert.equal(assertOk(await get(encodeURIComponent(escaped))).text, didFor(escaped));
  const accented = `${space}%C3%A9`;
  assert.equal(assertOk(await get(encodeURIComponent(accented))).text, didFor(accented));
  await refusesUntouched(
    node,
    () => get(encodeURIComponent(encodeURIComponent(space))),
    NO_SPACE_ID,
  );
});

for (
  const [what, segment] of [
    ["an escape without digits", `${space}%`],
    ["an escape of one digit", `${space}%4`],
    ["an escape of other letters", `${space}%zz`],
    ["escapes that are no UTF-8", `${space}%C3`],
    ["an escaped byte that is no UTF-8", `${space}%FF`],
    ["an overlong escape", `${space}%C0%AF`],
    ["an escaped surrogate", `${space}%ED%A0%80`],
    ["an escaped slash", `${space}%2Fkv`],
    ["an escaped NUL", `${space}%00`],
    ["an escaped newline", `${space}%0A`],
    ["an escaped space", `${space}%20`],
    ["a letter of another script", `${space}%C3%A9`],
    ["a plus", `tinycloud+${space}`],
    ["another scheme", "https%3A%2F%2Fexample.org"],
    ["one letter", "x"],
    ["only a colon", ":"],
  ] as const
) {
  Deno.test(`wire §5: ${what} makes no space id`, async () => {
    await refusesUntouched(node, () => get(segment), NO_SPACE_ID);
  });
}

const NOT_FOUND = { status: 404, code: "not_found", sentence: "Not found" };
for (
  const path of ["/peer/generate", "/peer", `/peer/generate/${space}/`, `/peer/generate/${space}/x`]
) {
  Deno.test(`wire §9: ${path.replace(space, "{space}")} is another path`, async () => {
    await refusesUntouched(node, () => ask(node, path, { method: "GET" }), NOT_FOUND);
  });
}

Deno.test("wire §9: HEAD is GET without a body, POST is not allowed", async () => {
  const line = `HEAD /peer/generate/${space} HTTP/1.1`;
  const head = await askRaw(node, line);
  assert.deepEqual([head.status, head.text], [200, ""]);
  const posted = await ask(node, `/peer/generate/${space}`);
  assert.deepEqual([posted.status, posted.code], [405, "method_not_allowed"]);
  assert.match(posted.headers.get("allow") ?? "", /\bGET\b/);
});

Deno.test("wire §9: leading slashes are one", async () => {
  const line = `GET ///peer/generate/${space} HTTP/1.1`;
  assert.equal((await askRaw(node, line)).text, didFor(space));
});

Deno.test("wire §5: another secret makes another DID, the same one the same", async () => {
  await using twin = await startTestNode({ env });
  await using stranger = await startTestNode();
  assert.equal((await get(space, twin)).text, didFor(space));
  assert.notEqual((await get(space, stranger)).text, didFor(space));
});
