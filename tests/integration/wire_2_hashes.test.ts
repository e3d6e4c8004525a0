// wire §2, hashes: CIDs, how proofs are found, ETags, and the identity of what was signed, which
// no re-encoding changes.

import assert from "node:assert/strict";
import { blake2b } from "@noble/hashes/blake2.js";
import { blake3 } from "@noble/hashes/blake3.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { base16, base16upper } from "multiformats/bases/base16";
import { base32, base32upper } from "multiformats/bases/base32";
import { base58btc } from "multiformats/bases/base58";
import { base36 } from "multiformats/bases/base36";
import { base64, base64url, base64urlpad } from "multiformats/bases/base64";
import { bases } from "multiformats/basics";
import { decode } from "@ipld/dag-cbor";
import {
  attenuation,
  type Cacao,
  connect,
  encodeCacao,
  es256Key,
  es256kKey,
  randomSessionKey,
  randomWallet,
  resourceUri,
  type SessionKey,
} from "../../client/mod.ts";
import { ask, assertOk, assertRefused } from "../support/asking.ts";
import { startTestNode } from "../support/node.ts";
import {
  ancestorRevoked,
  MALFORMED,
  NO_KEY,
  NO_PARENT,
  parentRevoked,
  REPLAYED,
  revoked,
} from "../support/refusals.ts";
import { refusesUntouched } from "../support/state.ts";
import {
  accepted,
  allOfKv,
  type ASession,
  aSession,
  cacao,
  GET,
  granted,
  hosting,
  invocation,
  post,
  PUT,
  ucan,
  use,
} from "../support/world.ts";

const node = await startTestNode({ env: { TINYCLOUD_STORAGE_DURABILITY: "normal" } });
Deno.test.afterAll(async () => await node[Symbol.asyncDispose]());

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const SECP256K1_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** A CID of these parts; codec and hash code are one byte each here. */
function cidBytes(codec: number, hash: Uint8Array, hashCode = 0x1e): Uint8Array {
  return Uint8Array.of(1, codec, hashCode, hash.length, ...hash);
}

/** The 32 bytes of the hash in one of our own CIDs. */
function hashOf(cid: string): Uint8Array {
  return base32.decode(cid).subarray(4);
}

Deno.test("wire §2: a UCAN's CID is that of its ASCII", async () => {
  const session = await aSession(node);
  const { header } = await ucan(node, session, "did:x:y", allOfKv(session.space));

  const answer = await accepted(node, { header });

  const hash = blake3(new TextEncoder().encode(header));
  assert.equal(answer.cid, base32.encode(cidBytes(0x55, hash)));
  assert.match(answer.cid, /^bafkr4i[a-z2-7]{52}$/);
});

Deno.test("wire §2: a CACAO's CID is that of its CBOR, however the header was written", async () => {
  const session = await aSession(node);
  const { header, bytes } = await cacao(session.wallet, "did:x:y", allOfKv(session.space));
  const cid = base32.encode(cidBytes(0x55, blake3(bytes)));

  const unpadded = header.replace(/=+$/, "");
  for (const form of [header, unpadded, `Bearer ${header}`, `bearer ${unpadded}`]) {
    assert.equal((await accepted(node, { header: form })).cid, cid);
  }
});

const SPELLINGS: Readonly<Record<string, (hash: Uint8Array) => string>> = {
  "base32": (hash) => base32.encode(cidBytes(0x55, hash)),
  "base32, upper case": (hash) => base32upper.encode(cidBytes(0x55, hash)),
  "base58btc": (hash) => base58btc.encode(cidBytes(0x55, hash)),
  "base64url": (hash) => base64url.encode(cidBytes(0x55, hash)),
  "base64": (hash) => base64.encode(cidBytes(0x55, hash)),
  "base64url, padded": (hash) => base64urlpad.encode(cidBytes(0x55, hash)),
  "base36": (hash) => base36.encode(cidBytes(0x55, hash)),
  "base16": (hash) => base16.encode(cidBytes(0x55, hash)),
  "base16, upper case": (hash) => base16upper.encode(cidBytes(0x55, hash)),
  "the codec dag-cbor": (hash) => base32.encode(cidBytes(0x71, hash)),
  "a codec of two bytes": (hash) => base32.encode(Uint8Array.of(1, 0x80, 0x02, 0x1e, 32, ...hash)),
};

for (const [how, spell] of Object.entries(SPELLINGS)) {
  Deno.test(`wire §2: a proof is found by its multihash: ${how}`, async () => {
    const session = await aSession(node);
    const link = { key: session.key, cid: spell(hashOf(session.cid)) };
    await granted(node, link, allOfKv(session.space));
    const resource = resourceUri(session.space, "kv", "x");
    assertRefused(await use(node, link, GET, resource), NO_KEY);
  });
}

/** No texts of letters, digits and the signs of base64: control characters, `=`, emoji. */
const NO_TEXTS = /^identity$|^base32.*pad|^base256emoji$/;

Deno.test("wire §2: a proof is found by its multihash in every multibase:", async (t) => {
  const session = await aSession(node);
  const resource = resourceUri(session.space, "kv", "x");
  for (const base of Object.values(bases)) {
    const cid = base.encode(cidBytes(0x55, hashOf(session.cid)));
    const isRefused = NO_TEXTS.test(base.name);
    await t.step(`${base.name}${isRefused ? " is refused" : ""}`, async () => {
      const child = await ucan(node, { ...session, cid }, "did:x:y", allOfKv(session.space));
      const posted = () => post(node, child.header);
      const used = () => use(node, { ...session, cid }, GET, resource);

      if (isRefused) await refusesUntouched(node, posted, MALFORMED);
      else assertOk(await posted());
      await refusesUntouched(node, used, isRefused ? MALFORMED : NO_KEY);
    });
  }
});

Deno.test("wire §2: one proof in two spellings is cited twice", async () => {
  const session = await aSession(node);
  const proofs = [session.cid, base58btc.encode(cidBytes(0x71, hashOf(session.cid)))];
  const { header } = await ucan(node, session, "did:x:y", allOfKv(session.space), { proofs });
  await refusesUntouched(node, () => post(node, header), NO_PARENT);
});

Deno.test("wire §2: a proof by another hash is another proof", async () => {
  const session = await aSession(node);
  const cid = base32.encode(cidBytes(0x55, hashOf(session.cid), 0x12));
  const { header } = await ucan(node, { ...session, cid }, "did:x:y", allOfKv(session.space));
  await refusesUntouched(node, () => post(node, header), NO_PARENT);
});

Deno.test("wire §2: a CID of version 0 is one, of another hash", async () => {
  const session = await aSession(node);
  const cid = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKPbdG";
  const { header } = await ucan(node, { ...session, cid }, "did:x:y", allOfKv(session.space));
  await refusesUntouched(node, () => post(node, header), NO_PARENT);
});

Deno.test("wire §2: a ReCap's proof in base58btc may have any codec", async () => {
  const alice = await aSession(node);
  const bob = randomWallet();
  const grant = await cacao(alice.wallet, bob.did, allOfKv(alice.space));
  await accepted(node, grant);
  const proofs = [base58btc.encode(cidBytes(0x71, hashOf(grant.cid)))];
  await accepted(node, await cacao(bob, alice.key.did, allOfKv(alice.space), { proofs }));
});

for (
  const [what, cid] of [
    ["empty text", ""],
    ["a bare prefix", "b"],
    ["no multibase", "not-a-cid"],
    ["letters that base32 has not", "bafkr4i01890"],
    ["bytes cut short", base32.encode(cidBytes(0x55, new Uint8Array(31)).with(3, 32))],
    ["a byte more", base32.encode(Uint8Array.of(...cidBytes(0x55, new Uint8Array(32)), 0))],
    ["version 2", base32.encode(cidBytes(0x55, new Uint8Array(32)).with(0, 2))],
  ] as const
) {
  Deno.test(`wire §2: ${what} is no CID in prf`, async () => {
    const session = await aSession(node);
    const { header } = await ucan(node, { ...session, cid }, "did:x:y", allOfKv(session.space));
    await refusesUntouched(node, () => post(node, header), MALFORMED);
  });
}

Deno.test("wire §2: an allowlist is asked for the space's CID by blake2b-256", async () => {
  const asked: string[] = [];
  await using allowlist = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    ({ url }) => {
      asked.push(new URL(url).pathname);
      return new Response("no", { status: 404 });
    },
  );
  const url = `http://127.0.0.1:${allowlist.addr.port}/spaces`;
  await using guarded = await startTestNode({ env: { TINYCLOUD_SPACES_ALLOWLIST: url } });
  const wallet = randomWallet();
  const space = `tinycloud:pkh:eip155:1:${wallet.address}:default`;
  const lower = space.toLowerCase();

  await post(guarded, (await hosting(guarded, wallet, lower)).header);

  const hash = blake2b(new TextEncoder().encode(space), { dkLen: 32 });
  const bytes = Uint8Array.of(1, 0x55, 0xa0, 0xe4, 0x02, 32, ...hash);
  assert.deepEqual(asked, [`/spaces/${base58btc.encode(bytes)}`]);
});

Deno.test("wire §2: the ETag of content is its BLAKE3 in hex", async () => {
  const session = await aSession(node);
  const resource = resourceUri(session.space, "kv", "x");
  const put = assertOk(await use(node, session, PUT, resource, {}, "content"));
  const etag = `"blake3-${bytesToHex(blake3(new TextEncoder().encode("content")))}"`;
  assert.equal(put.headers.get("etag"), etag);
  assert.equal(assertOk(await use(node, session, GET, resource)).headers.get("etag"), etag);
});

/** The same signed message in other bytes. */
const ENCODINGS: Readonly<Record<string, (token: Cacao) => Cacao>> = {
  "v as 0 or 1": (token) =>
    changed(token, ({ p, s, ...rest }) => {
      const bytes = Uint8Array.from(s.s);
      bytes[64] = (bytes[64] ?? 0) - 27;
      return { ...rest, p, s: { ...s, s: bytes } };
    }),
  "iss in lower case": (token) =>
    changed(token, ({ p, ...rest }) => ({ ...rest, p: { ...p, iss: p.iss.toLowerCase() } })),
  "iss in upper case": (token) =>
    changed(token, ({ p, ...rest }) => ({
      ...rest,
      p: { ...p, iss: p.iss.replace(/(?<=0x)\w+$/, (digits) => digits.toUpperCase()) },
    })),
};

interface CacaoParts {
  readonly h: object;
  readonly p: { readonly iss: string };
  readonly s: { readonly s: Uint8Array };
}

function changed(token: Cacao, change: (parts: CacaoParts) => object): Cacao {
  return encodeCacao({ ...change(decode<CacaoParts>(token.bytes)) });
}

async function aGrantFrom(alice: ASession, key: SessionKey): Promise<Cacao> {
  const token = await cacao(alice.wallet, key.did, allOfKv(alice.space));
  await accepted(node, token);
  return token;
}

const revoke = (alice: ASession, cid: string) => connect(node.url).revoke(alice.wallet, cid);

for (const [what, encode] of Object.entries(ENCODINGS)) {
  Deno.test(`wire §2: a delegation may be stored again with ${what}, and both be cited`, async () => {
    const alice = await aSession(node);
    const key = await randomSessionKey();
    const first = await aGrantFrom(alice, key);
    const second = encode(first);
    assert.notEqual(second.cid, first.cid);

    assert.equal((await accepted(node, second)).cid, second.cid);

    const resource = resourceUri(alice.space, "kv", "x");
    for (const { cid } of [first, second]) {
      assertRefused(await use(node, { key, cid }, GET, resource), NO_KEY);
    }
  });

  Deno.test(`wire §2: a revocation takes a stored encoding with ${what} along`, async () => {
    const alice = await aSession(node);
    const key = await randomSessionKey();
    const first = await aGrantFrom(alice, key);
    const second = encode(first);
    await accepted(node, second);
    const child = await granted(node, { key, cid: second.cid }, allOfKv(alice.space));
    const resource = resourceUri(alice.space, "kv", "x");

    await revoke(alice, first.cid);

    for (const { header, cid } of [first, second]) {
      await refusesUntouched(node, () => post(node, header), revoked(cid));
      await refusesUntouched(node, () => use(node, { key, cid }, GET, resource), revoked(cid));
    }
    const below = () => use(node, child, GET, resource);
    await refusesUntouched(node, below, ancestorRevoked(second.cid, child.cid));
  });

  Deno.test(`wire §2: a revocation refuses an encoding with ${what} that comes later`, async () => {
    const alice = await aSession(node);
    const key = await randomSessionKey();
    const first = await aGrantFrom(alice, key);
    const second = encode(first);

    await revoke(alice, first.cid);

    await refusesUntouched(node, () => post(node, second.header), revoked(second.cid));
  });

  Deno.test(`wire §2: a revocation may name the encoding with ${what}`, async () => {
    const alice = await aSession(node);
    const key = await randomSessionKey();
    const first = await aGrantFrom(alice, key);
    const second = encode(first);
    await accepted(node, second);

    await revoke(alice, second.cid);

    await refusesUntouched(node, () => post(node, first.header), revoked(first.cid));
    const { header } = await ucan(node, { key, cid: first.cid }, "did:x:y", allOfKv(alice.space));
    await refusesUntouched(node, () => post(node, header), parentRevoked(first.cid));
  });
}

/** The JWT with n − s in place of s. */
function withOtherS(jwt: string, order: bigint): string {
  const [header, payload, signature = ""] = jwt.split(".");
  const bytes = base64url.baseDecode(signature);
  const s = order - BigInt(`0x${bytesToHex(bytes.subarray(32))}`);
  bytes.set(Uint8Array.fromHex(s.toString(16).padStart(64, "0")), 32);
  return `${header}.${payload}.${base64url.baseEncode(bytes)}`;
}

const secret = new Uint8Array(32).fill(9);
const MALLEABLE: readonly (readonly [SessionKey, bigint])[] = [
  [es256Key(secret), P256_ORDER],
  [es256kKey(secret), SECP256K1_ORDER],
];
const cidOfJwt = (jwt: string) =>
  base32.encode(cidBytes(0x55, blake3(new TextEncoder().encode(jwt))));

for (const [key, order] of MALLEABLE) {
  Deno.test(`wire §2: ${key.alg} with the other s is the same delegation`, async () => {
    const alice = await aSession(node, { key });
    const child = await randomSessionKey();
    const { header } = await ucan(node, alice, child.did, allOfKv(alice.space));
    const [first, other] = [header, withOtherS(header, order)];
    assert.equal((await accepted(node, { header: other })).cid, cidOfJwt(other));
    assert.equal((await accepted(node, { header: first })).cid, cidOfJwt(first));
    const resource = resourceUri(alice.space, "kv", "x");
    for (const jwt of [first, other]) {
      const link = { key: child, cid: cidOfJwt(jwt) };
      assertRefused(await use(node, link, GET, resource), NO_KEY);
    }

    await revoke(alice, cidOfJwt(first));

    for (const jwt of [first, other]) {
      const link = { key: child, cid: cidOfJwt(jwt) };
      await refusesUntouched(node, () => post(node, jwt), revoked(link.cid));
      await refusesUntouched(node, () => use(node, link, GET, resource), revoked(link.cid));
    }
  });

  Deno.test(`wire §2: ${key.alg} with the other s is the same invocation`, async () => {
    const alice = await aSession(node, { key });
    const resource = resourceUri(alice.space, "kv", "x");
    for (const nonce of ["once", undefined]) {
      const { header } = await invocation(node, alice, PUT, resource, { nonce }, {
        payload: { nnc: nonce },
      });
      assertOk(await ask(node, "/invoke", { token: header, body: "1" }));
      for (const token of [header, withOtherS(header, order)]) {
        await refusesUntouched(node, () => ask(node, "/invoke", { token, body: "1" }), REPLAYED);
      }
    }
  });
}

Deno.test("wire §2: another message that grants the same is another delegation", async () => {
  const alice = await aSession(node);
  const key = await randomSessionKey();
  const [first, second] = [await aGrantFrom(alice, key), await aGrantFrom(alice, key)];
  await revoke(alice, first.cid);
  await accepted(node, second);
  const att = attenuation(resourceUri(alice.space, "kv"), [GET]);
  await granted(node, { key, cid: second.cid }, att);
});
