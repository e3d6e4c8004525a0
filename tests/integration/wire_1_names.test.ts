// wire §1, names: DIDs and their principals, space ids, resources, abilities, what extends what,
// and the longest of each.

import assert from "node:assert/strict";
import {
  attenuation,
  es256Key,
  es256kKey,
  randomSessionKey,
  randomWallet,
  resourceUri,
  type SessionKey,
  sessionKeyFromSeed,
  spaceId,
  walletFromPrivateKey,
} from "../../client/mod.ts";
import { ask, assertOk, assertRefused, type Refusal } from "../support/asking.ts";
import { startTestNode } from "../support/node.ts";
import {
  EMPTY,
  MALFORMED,
  NO_KEY,
  NO_PARENT,
  NO_SPACE,
  NO_SPACE_ID,
  NOT_THE_INVOKER,
  notAllowed,
  notGranted,
  notTheDelegator,
} from "../support/refusals.ts";
import { refusesUntouched } from "../support/state.ts";
import {
  accepted,
  allOfKv,
  aSession,
  cacao,
  DEL,
  GET,
  granted,
  host,
  hostDid,
  hosting,
  invocation,
  LIST,
  post,
  PUT,
  ucan,
  use,
} from "../support/world.ts";

const node = await startTestNode({ env: { TINYCLOUD_STORAGE_DURABILITY: "normal" } });
Deno.test.afterAll(async () => await node[Symbol.asyncDispose]());

const ALICE = walletFromPrivateKey("11".repeat(32));
const BOB = walletFromPrivateKey("22".repeat(32));
const KEY = await sessionKeyFromSeed(new Uint8Array(32).fill(3));
const OTHER = await sessionKeyFromSeed(new Uint8Array(32).fill(4));
const SPACE = await host(node, ALICE);
const hex = ALICE.address.slice(2);

/** The address with the case of one of its letters changed: no EIP-55 of anything. */
function wrongChecksum(address: string): string {
  return address.replace(
    /[a-f](?=[^a-f]*$)/i,
    (letter) => letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
  );
}

const ADDRESS_FORMS: Readonly<Record<string, string>> = {
  "in lower case": `0x${hex.toLowerCase()}`,
  "in upper case": `0x${hex.toUpperCase()}`,
  "with a wrong checksum": wrongChecksum(ALICE.address),
};

/** `did:pkh:eip155` names of another shape. */
const NO_WALLETS: Readonly<Record<string, string>> = {
  "a chain id with a leading zero": `did:pkh:eip155:01:0x${hex}`,
  "a hexadecimal chain id": `did:pkh:eip155:0x1:0x${hex}`,
  "no chain id": `did:pkh:eip155::0x${hex}`,
  "a negative chain id": `did:pkh:eip155:-1:0x${hex}`,
  "39 digits": `did:pkh:eip155:1:0x${hex.slice(1)}`,
  "41 digits": `did:pkh:eip155:1:0x${hex}0`,
  "a letter that is no digit": `did:pkh:eip155:1:0x${hex.slice(1)}g`,
  "0X": `did:pkh:eip155:1:0X${hex}`,
  "no 0x": `did:pkh:eip155:1:${hex}`,
  "a part more": `did:pkh:eip155:1:0x${hex}:x`,
};

const all = () => allOfKv(SPACE);

for (const [what, did] of Object.entries(NO_WALLETS)) {
  Deno.test(`wire §1: a wallet's DID with ${what} is no audience of a UCAN`, async () => {
    const session = await aSession(node, { wallet: ALICE });
    const token = await ucan(node, session, did, all());
    await refusesUntouched(node, () => post(node, token.header), MALFORMED);
  });

  Deno.test(`wire §1: a wallet's DID with ${what} is no audience of a CACAO`, async () => {
    const token = await cacao(ALICE, did, all());
    await refusesUntouched(node, () => post(node, token.header), EMPTY);
  });

  Deno.test(`wire §1: a wallet's DID with ${what} is no issuer of a CACAO`, async () => {
    const token = await cacao(ALICE, KEY.did, all(), {}, { p: { iss: did } });
    await refusesUntouched(node, () => post(node, token.header), MALFORMED);
  });

  Deno.test(`wire §1: a wallet's DID with ${what} is no issuer of a UCAN`, async () => {
    const token = await ucan(node, { key: KEY }, OTHER.did, all(), {}, { payload: { iss: did } });
    await refusesUntouched(node, () => post(node, token.header), MALFORMED);
  });

  Deno.test(`wire §1: a wallet's DID with ${what} names no space in a path`, async () => {
    const path = `/peer/generate/${encodeURIComponent(spaceId(did))}`;
    await refusesUntouched(node, () => ask(node, path, { method: "GET" }), NO_SPACE_ID);
  });

  Deno.test(`wire §1: a wallet's DID with ${what} makes a resource opaque`, async () => {
    const token = await cacao(ALICE, KEY.did, allOfKv(spaceId(did)));
    await refusesUntouched(node, () => post(node, token.header), NO_PARENT);
  });
}

Deno.test("wire §1: a chain id beyond 64 bits is not chain 1", async () => {
  const token = await cacao(ALICE, KEY.did, all(), { chainId: "18446744073709551617" });
  await refusesUntouched(node, () => post(node, token.header), NO_PARENT);
});

Deno.test("wire §1: one address on two chains is two owners", async () => {
  const elsewhere = { ...ALICE, chainId: 10, did: ALICE.did.replace(":1:", ":10:") };
  const token = await cacao(elsewhere, KEY.did, all());
  await refusesUntouched(node, () => post(node, token.header), NO_PARENT);
});

for (const [what, address] of Object.entries(ADDRESS_FORMS)) {
  const did = `did:pkh:eip155:1:${address}`;

  Deno.test(`wire §1: an iss with its address ${what} is the same principal`, async () => {
    const token = await cacao(ALICE, KEY.didUrl, all(), {}, { p: { iss: did } });
    assert.deepEqual((await accepted(node, token)).activated, [SPACE]);
  });

  Deno.test(`wire §1: a delegatee with its address ${what} is the same principal`, async () => {
    const bobs = await aSession(node, { wallet: BOB });
    const grant = await cacao(BOB, did, allOfKv(bobs.space));
    await accepted(node, grant);

    const onward = await cacao(ALICE, KEY.did, allOfKv(bobs.space), { proofs: [grant.cid] });
    await accepted(node, onward);

    const resource = resourceUri(bobs.space, "kv", "x");
    assertRefused(await use(node, { key: KEY, cid: onward.cid }, GET, resource), NO_KEY);
  });

  Deno.test(`wire §1: a space with its address ${what} is the same space`, async () => {
    const spelled = spaceId(did);
    const token = await cacao(ALICE, KEY.did, allOfKv(spelled));

    assert.deepEqual((await accepted(node, token)).activated, [SPACE]);
    const resource = resourceUri(spelled, "kv", "x");
    assertRefused(await use(node, { key: KEY, cid: token.cid }, GET, resource), NO_KEY);
  });
}

Deno.test("wire §1: the owner of a space signs on the space's chain, whatever it is", async () => {
  const wallet = randomWallet(11155111);
  const session = await aSession(node, { wallet });
  assert.match(session.space, /^tinycloud:pkh:eip155:11155111:0x/);
});

const secret = new Uint8Array(32).fill(5);
const KINDS: readonly (readonly [string, SessionKey, string])[] = [
  ["Ed25519", KEY, "z6Mk"],
  ["secp256k1", es256kKey(secret), "zQ3s"],
  ["P-256", es256Key(secret), "zDn"],
];

for (const [kind, key, prefix] of KINDS) {
  Deno.test(`wire §1: a did:key of ${kind} begins ${prefix}; it receives and issues`, async () => {
    assert.ok(key.did.startsWith(`did:key:${prefix}`));
    const session = await aSession(node, { key });
    const child = await granted(node, session, allOfKv(session.space));
    const resource = resourceUri(session.space, "kv", "x");
    assertOk(await use(node, child, PUT, resource, {}, "1"));
    assert.equal(assertOk(await use(node, session, GET, resource)).text, "1");
  });
}

for (const did of ["did:web:example.org", "did:example:123456789abcdefghi", "did:x:A:b%20c"]) {
  Deno.test(`wire §1: ${did} is a valid name of a receiver`, async () => {
    const session = await aSession(node, { wallet: ALICE });
    await accepted(node, await cacao(ALICE, did, all()));
    await accepted(node, await cacao(ALICE, `${did}#key-1`, all()));
    await accepted(node, await ucan(node, session, did, all()));
  });
}

for (const did of ["did:", "did:web", "did:web:", "did::x", "DID:web:x", "did:Web:x", "web:x"]) {
  Deno.test(`wire §1: ${did} is no DID`, async () => {
    const session = await aSession(node, { wallet: ALICE });
    const token = await ucan(node, session, did, all());
    await refusesUntouched(node, () => post(node, token.header), MALFORMED);
    const message = await cacao(ALICE, did, all());
    await refusesUntouched(node, () => post(node, message.header), EMPTY);
  });
}

Deno.test("wire §1: identity is the DID before the #", async () => {
  const token = await cacao(ALICE, `${KEY.did}#anything`, all());
  await accepted(node, token);
  const resource = resourceUri(SPACE, "kv", "x");
  for (const iss of [KEY.did, KEY.didUrl, `${KEY.did}#other`]) {
    const { header } = await invocation(node, { key: KEY, cid: token.cid }, GET, resource, {}, {
      payload: { iss },
    });
    assertRefused(await ask(node, "/invoke", { token: header }), NO_KEY);
  }
});

Deno.test("adversary 1: A#B is verified with A only", async () => {
  const session = await aSession(node, { wallet: ALICE, key: KEY });
  const iss = `${KEY.did}#${OTHER.did.slice("did:key:".length)}`;
  const fields = { proofs: [session.cid] };
  const byOther = await ucan(node, { key: OTHER }, "did:x:y", all(), fields, { payload: { iss } });
  await refusesUntouched(node, () => post(node, byOther.header), {
    status: 401,
    code: "token_signature",
    sentence: "Failed to verify signature",
  });
  await accepted(node, await ucan(node, session, "did:x:y", all(), {}, { payload: { iss } }));
});

Deno.test("wire §1, B7: a receiver whose DID only begins alike is another", async () => {
  const beginning = KEY.did.slice(0, -1);
  const token = await cacao(ALICE, beginning, all());
  await accepted(node, token);
  const link = { key: KEY, cid: token.cid };

  const onward = await ucan(node, link, OTHER.did, all());
  await refusesUntouched(node, () => post(node, onward.header), notTheDelegator(KEY.did));
  const resource = resourceUri(SPACE, "kv", "x");
  await refusesUntouched(node, () => use(node, link, GET, resource), NOT_THE_INVOKER);
});

Deno.test("wire §1: other methods are compared as text, letter by letter", async () => {
  const session = await aSession(node, { wallet: ALICE });
  const token = await cacao(ALICE, KEY.did.toUpperCase().replace("DID:KEY", "did:key"), all());
  await accepted(node, token);
  const resource = resourceUri(session.space, "kv", "x");
  const link = { key: KEY, cid: token.cid };
  await refusesUntouched(node, () => use(node, link, GET, resource), NOT_THE_INVOKER);
});

const OWN = ALICE.did.slice("did:".length);
const keyed = KEY.did.slice("did:".length);

const SPACE_IDS: Readonly<Record<string, string>> = {
  "of a wallet": `tinycloud:${OWN}:default`,
  "of a did:key": `tinycloud:${keyed}:default`,
  "of another method": "tinycloud:web:example.org:default",
  "whose name has an escaped colon": `tinycloud:${OWN}:a%3Ab`,
  "whose name has an escaped letter of another script": `tinycloud:${OWN}:%C3%A9`,
  "whose name has signs": `tinycloud:${OWN}:a.b-c_d~e!$&'()*+,;=@`,
};
for (const [what, space] of Object.entries(SPACE_IDS)) {
  Deno.test(`wire §1: a space id ${what} is one`, async () => {
    assert.match(await hostDid(node, space), /^did:key:z6Mk/);
  });
}

const NO_SPACE_IDS: Readonly<Record<string, string>> = {
  "with an empty name": `tinycloud:${OWN}:`,
  "without a name": `tinycloud:${OWN}`,
  "whose name has a colon": `tinycloud:${OWN}:a:b`,
  "with an authority": `tinycloud://${OWN}:default`,
  "with a path": `tinycloud:${OWN}:default/kv`,
  "with a slash at its end": `tinycloud:${OWN}:default/`,
  "with a query": `tinycloud:${OWN}:default?x`,
  "with an empty query": `tinycloud:${OWN}:default?`,
  "with a fragment": `tinycloud:${OWN}:default#x`,
  "with a lower-case escape": `tinycloud:${OWN}:a%3ab`,
  "with an escaped letter": `tinycloud:${OWN}:%61`,
  "with a bad escape": `tinycloud:${OWN}:%zz`,
  "with a space": `tinycloud:${OWN}:a b`,
  "with a letter that is not ASCII": `tinycloud:${OWN}:\u00e9`,
  "of another scheme": `tinycloudx:${OWN}:default`,
  "with an upper-case scheme": `TINYCLOUD:${OWN}:default`,
  "that is no URI": "default",
  "without a DID": "tinycloud:default",
  "with an empty DID": "tinycloud::default",
};
for (const [what, space] of Object.entries(NO_SPACE_IDS)) {
  Deno.test(`wire §1: a space id ${what} is none`, async () => {
    const path = `/peer/generate/${encodeURIComponent(space)}`;
    await refusesUntouched(node, () => ask(node, path, { method: "GET" }), NO_SPACE_ID);
  });
}

Deno.test("wire §1: a space of one name belongs to each owner by himself", async () => {
  const [alices, bobs] = [await aSession(node), await aSession(node)];
  const resource = resourceUri(alices.space, "kv", "x");
  assertOk(await use(node, alices, PUT, resource, {}, "1"));
  const intruder = () => use(node, bobs, GET, resource);
  await refusesUntouched(node, intruder, notAllowed(resource, GET));
});

/** `yes`: child extends parent. `malformed`: the child makes its token malformed. */
type Verdict = "yes" | "no" | "malformed";
const kv = (path?: string) => resourceUri(SPACE, "kv", path);
const EXTENDS: readonly (readonly [string, string, Verdict])[] = [
  // A parent without path covers all of its service.
  [kv(), kv(), "yes"],
  [kv(), kv(""), "yes"],
  [kv(), kv("x"), "yes"],
  [kv(), kv("/"), "yes"],
  // A parent with the empty path.
  [kv(""), kv(""), "yes"],
  [kv(""), kv("/"), "yes"],
  [kv(""), kv("/x"), "yes"],
  [kv(""), kv("x"), "no"],
  [kv(""), kv(), "no"],
  // A parent with a path.
  [kv("a"), kv("a"), "yes"],
  [kv("a"), kv("a/"), "yes"],
  [kv("a"), kv("a/b"), "yes"],
  [kv("a"), kv("a//b"), "yes"],
  [kv("a"), kv("ab"), "no"],
  [kv("a"), kv("A"), "no"],
  [kv("a"), kv("b"), "no"],
  [kv("a"), kv("/a"), "no"],
  [kv("a"), kv(""), "no"],
  [kv("a"), kv(), "no"],
  [kv("a"), kv("a%2Fb"), "no"],
  [kv("photos"), kv("photos-private"), "no"],
  [kv("a/b"), kv("a"), "no"],
  [kv("a/"), kv("a/"), "yes"],
  [kv("a/"), kv("a/b"), "yes"],
  [kv("a/"), kv("a//"), "yes"],
  [kv("a/"), kv("a"), "no"],
  [kv("a/"), kv(), "no"],
  [kv("a//"), kv("a/b"), "no"],
  // Opaque: not in normal form.
  [kv("a"), kv("%61"), "no"],
  [kv("a"), kv("a/../b"), "no"],
  [kv("a"), kv("a/./b"), "no"],
  [kv("a"), kv("a/.."), "no"],
  [kv("a"), kv("a/."), "no"],
  [kv("a"), kv("a/%2E%2E/b"), "no"],
  [kv("a"), kv("a/%c3%a9"), "no"],
  [kv("a"), kv("a/%7E"), "no"],
  [kv(), kv("a/../b"), "no"],
  [kv(), kv("../x"), "no"],
  // Opaque: of another shape.
  [kv(), `${SPACE}//a`, "no"],
  [kv(), `${SPACE}/`, "no"],
  [kv(), SPACE, "no"],
  [kv(), "tinycloud://default/kv/a", "no"],
  [kv(), kv("a").toUpperCase().replace("KV/A", "kv/a"), "no"],
  [kv(), `tinycloud:${OWN}:/kv/a`, "no"],
  [kv(), "https://example.org/kv/a", "no"],
  [kv(), "urn:x", "no"],
  // No URI at all.
  [kv(), kv("%zz"), "malformed"],
  [kv(), kv("%"), "malformed"],
  [kv(), kv("%a"), "malformed"],
  [kv(), kv("a b"), "malformed"],
  [kv(), kv("a\\b"), "malformed"],
  [kv(), kv('a"b'), "malformed"],
  [kv(), kv("a<b"), "malformed"],
  [kv(), kv("a^b"), "malformed"],
  [kv(), kv("a`b"), "malformed"],
  [kv(), kv("a{b"), "malformed"],
  [kv(), kv("a|b"), "malformed"],
  [kv(), kv("a[b"), "malformed"],
  [kv(), kv("\u00e9"), "malformed"],
  [kv(), kv("a\u0000"), "malformed"],
  [kv(), kv("a\n"), "malformed"],
  [kv(), kv("a#b#c"), "malformed"],
  [kv(), `tinycloud://${OWN}:default/kv/a`, "malformed"],
  [kv(), "no-scheme", "malformed"],
  [kv(), "", "malformed"],
  // Ordinary characters are literal.
  [kv("%00"), kv("%00"), "yes"],
  [kv("%00"), kv("%00/x"), "yes"],
  [kv("a%20b"), kv("a%20b/c"), "yes"],
  [kv("a%2Fb"), kv("a/b"), "no"],
  [kv("*"), kv("*"), "yes"],
  [kv("*"), kv("a"), "no"],
  [kv("a/*"), kv("a/b"), "no"],
  [kv(":@+,;=&!$'()*~"), kv(":@+,;=&!$'()*~/x"), "yes"],
  [kv("%C3%A9"), kv("e%CC%81"), "no"],
  [kv("a"), kv("%D0%B0"), "no"],
  // The query is ignored.
  [kv("a"), kv("a?x=1"), "yes"],
  [kv("a?x=1"), kv("a"), "yes"],
  [kv("a?x=1"), kv("a/b?y"), "yes"],
  [kv("a"), kv("b?a"), "no"],
  // The fragment counts.
  [kv("a"), kv("a#f"), "no"],
  [kv("a#f"), kv("a"), "no"],
  [kv("a#f"), kv("a#f"), "yes"],
  [kv("a#f"), kv("a/b#f"), "yes"],
  [kv("a#f"), kv("a#g"), "no"],
  [kv("a"), kv("a#"), "no"],
  // Service and space are compared whole.
  [kv(), resourceUri(SPACE, "kvx", "a"), "no"],
  [kv(), resourceUri(SPACE, "KV", "a"), "no"],
  [resourceUri(SPACE, "kvx"), kv("a"), "no"],
  [resourceUri(SPACE, "other"), resourceUri(SPACE, "other", "a"), "yes"],
  [kv(), resourceUri(spaceId(ALICE.did, "default2"), "kv", "a"), "no"],
  [kv(), resourceUri(spaceId(BOB.did), "kv", "a"), "no"],
];

for (const [parent, child, verdict] of EXTENDS) {
  const [above, below] = [parent, child].map((uri) =>
    JSON.stringify(uri.replace(`${SPACE}/`, "…/").replace(SPACE, "{space}"))
  );
  const says = { yes: "extends", no: "does not extend", malformed: "(no URI) cannot extend" };
  Deno.test(`wire §1: ${below} ${says[verdict]} ${above}`, async () => {
    const grant = await cacao(ALICE, KEY.did, attenuation(parent, [GET]));
    await accepted(node, grant);
    const token = await ucan(node, { key: KEY, cid: grant.cid }, OTHER.did, {
      [child]: { [GET]: [{}] },
    });
    if (verdict === "yes") return void await accepted(node, token);
    const refusal = verdict === "malformed" ? MALFORMED : notGranted(child, GET);
    await refusesUntouched(node, () => post(node, token.header), refusal);
  });
}

for (const uri of [kv("a/../b"), kv("%61"), `${SPACE}/`, SPACE, "mailto:a@b.c", "urn:x:y"]) {
  Deno.test(`wire §1: nobody is the root of the opaque ${uri.replace(SPACE, "…")}`, async () => {
    const token = await cacao(ALICE, KEY.did, attenuation(uri, [GET]));
    await refusesUntouched(node, () => post(node, token.header), NO_PARENT);
  });
}

Deno.test("wire §1: a key with every ordinary character is kept literally", async () => {
  const session = await aSession(node);
  const keys = ["//", "a/", "/a", "a//b", "%20", "%00", ":@+,;=&!$'()*~", "a%2Fb", "A", "a"];
  for (const key of keys) {
    assertOk(await use(node, session, PUT, resourceUri(session.space, "kv", key), {}, key));
  }
  const listed = await use(node, session, LIST, resourceUri(session.space, "kv", ""));
  assert.deepEqual(JSON.parse(assertOk(listed).text), keys.toSorted());
  for (const key of keys) {
    const resource = resourceUri(session.space, "kv", key);
    assert.equal(assertOk(await use(node, session, GET, `${resource}?query`)).text, key);
  }
});

for (
  const [name, why] of [
    ["get", "no slash"],
    ["tinycloud.kv/get/x", "two slashes"],
    ["/get", "an empty namespace"],
    ["tinycloud.kv/", "an empty name"],
    ["/", "nothing but the slash"],
    ["", "nothing"],
    ["tinycloud kv/get", "a space"],
    ["tinycloud.kv/g\u00e9t", "a letter that is not ASCII"],
    ["tinycloud.kv/get\u0000", "a NUL"],
    ["tinycloud:kv/get", "a colon"],
    ["tinycloud.kv/get~", "a tilde"],
    ["tinycloud.kv/%67et", "an escape"],
  ] as const
) {
  Deno.test(`wire §1: an ability with ${why} makes the token malformed`, async () => {
    const session = await aSession(node, { wallet: ALICE });
    const att = { [kv()]: { [name]: [{}] } };
    for (
      const token of [
        await ucan(node, session, OTHER.did, att),
        await cacao(ALICE, KEY.did, att),
      ]
    ) await refusesUntouched(node, () => post(node, token.header), MALFORMED);
  });
}

for (const name of ["a-b_c.+*9/Z-_.+*0", "x/y", "tinycloud.kv/unheard-of", "*/*"]) {
  Deno.test(`wire §1: the ability ${name} is accepted, unknown as it is`, async () => {
    const grant = await cacao(ALICE, KEY.did, attenuation(kv(), [name]));
    await accepted(node, grant);
    const link = { key: KEY, cid: grant.cid };
    await accepted(node, await ucan(node, link, OTHER.did, attenuation(kv("x"), [name])));
  });
}

for (
  const [held, asked] of [
    ["tinycloud.kv/*", GET],
    ["*/*", GET],
    ["*/get", GET],
    ["tinycloud.kv/GET", GET],
    [GET, "tinycloud.KV/get"],
    [GET, "tinycloud.kv/get2"],
    [GET, "tinycloud.kv/put"],
    ["tinycloud.kv/delete2", DEL],
  ] as const
) {
  Deno.test(`wire §1: who holds ${held} may not ${asked}`, async () => {
    const grant = await cacao(ALICE, KEY.did, attenuation(kv(), [held]));
    await accepted(node, grant);
    const link = { key: KEY, cid: grant.cid };
    const resource = kv("x");
    const invoked = () => use(node, link, asked, resource);
    await refusesUntouched(node, invoked, notAllowed(resource, asked));
    const token = await ucan(node, link, OTHER.did, attenuation(resource, [asked]));
    await refusesUntouched(node, () => post(node, token.header), notGranted(resource, asked));
  });
}

for (const [held, asked] of [[DEL, "tinycloud.kv/delete"], ["tinycloud.kv/delete", DEL]] as const) {
  Deno.test(`wire §1: who holds ${held} may ${asked}`, async () => {
    const session = await aSession(node, {
      att: (space) => attenuation(resourceUri(space, "kv"), [held, PUT]),
    });
    const resource = resourceUri(session.space, "kv", "x");
    const child = await granted(node, session, attenuation(resource, [asked]));
    for (const link of [session, child]) {
      assertOk(await use(node, session, PUT, resource, {}, "1"));
      assertOk(await use(node, link, asked, resource));
    }
  });
}

const urn = (did: string, name = "default") => `urn:tinycloud:encryption:${did}:${name}`;
const DECRYPT = "tinycloud.encryption/decrypt";

Deno.test("wire §1, B28: the owner of an encryption URN is its root", async () => {
  await accepted(node, await cacao(ALICE, KEY.did, attenuation(urn(ALICE.did), [DECRYPT])));
});

Deno.test("wire §1, B28: nobody else is the root of an encryption URN", async () => {
  const token = await cacao(ALICE, KEY.did, attenuation(urn(BOB.did), [DECRYPT]));
  await refusesUntouched(node, () => post(node, token.header), NO_PARENT);
});

Deno.test("wire §1: the DID in an encryption URN is canonicalised like a space's", async () => {
  const lower = urn(ALICE.did.toLowerCase());
  const grant = await cacao(ALICE, KEY.did, attenuation(lower, [DECRYPT]));
  await accepted(node, grant);
  const link = { key: KEY, cid: grant.cid };
  await accepted(node, await ucan(node, link, OTHER.did, attenuation(urn(ALICE.did), [DECRYPT])));
});

for (
  const other of [
    `${urn(ALICE.did)}/x`,
    `${urn(ALICE.did)}2`,
    urn(ALICE.did, "other"),
    `${urn(ALICE.did)}?x`,
    urn(ALICE.did).replace("encryption", "signing"),
  ]
) {
  const tail = other.slice(-12);
  Deno.test(`wire §1: opaque URIs are equal or nothing, …${tail} under the URN is nothing`, async () => {
    const grant = await cacao(ALICE, KEY.did, attenuation(urn(ALICE.did), [DECRYPT]));
    await accepted(node, grant);
    const link = { key: KEY, cid: grant.cid };
    const token = await ucan(node, link, OTHER.did, attenuation(other, [DECRYPT]));
    await refusesUntouched(node, () => post(node, token.header), notGranted(other, DECRYPT));
  });
}

const NO_URNS: Readonly<Record<string, string>> = {
  "without a name": urn(ALICE.did).replace(":default", ""),
  "with an empty name": urn(ALICE.did, ""),
  "whose name has a colon": urn(ALICE.did, "a:b"),
  "whose name has a slash": urn(ALICE.did, "a/b"),
  "with a fragment": urn(ALICE.did, "a#f"),
  "with a lower-case escape": urn(ALICE.did, "a%3ab"),
  "in upper case": urn(ALICE.did).replace("urn", "URN"),
  "of another word": urn(ALICE.did).replace("encryption", "Encryption"),
  "of a DID that is none": urn(ALICE.did.replace(":1:", ":01:")),
};

for (const [what, uri] of Object.entries(NO_URNS)) {
  Deno.test(`wire §1: nobody is the root of an encryption URN ${what}`, async () => {
    const token = await cacao(ALICE, KEY.did, attenuation(uri, [DECRYPT]));
    await refusesUntouched(node, () => post(node, token.header), NO_PARENT);
  });
}

/** A space id of so many bytes. */
const longSpace = (bytes: number) => SPACE + "x".repeat(bytes - SPACE.length);
const longDid = (bytes: number) => "did:x:" + "y".repeat(bytes - 6);
const longAbility = (bytes: number) => "tinycloud.kv/" + "z".repeat(bytes - 13);

Deno.test("wire §1: names of 512 bytes are accepted in tokens and in paths", async () => {
  const wallet = ALICE;
  await hostDid(node, longSpace(512));
  await accepted(node, await hosting(node, wallet, longSpace(512)));
  await accepted(node, await cacao(wallet, KEY.did, allOfKv(longSpace(512))));
  await accepted(node, await cacao(wallet, longDid(512), all()));
  await accepted(node, await cacao(wallet, KEY.did, attenuation(kv(), [longAbility(512)])));
});

Deno.test("wire §1: an ability of 513 bytes makes a token malformed", async () => {
  const session = await aSession(node, { wallet: ALICE });
  const att = attenuation(kv(), [longAbility(513)]);
  for (const token of [await cacao(ALICE, KEY.did, att), await ucan(node, session, KEY.did, att)]) {
    await refusesUntouched(node, () => post(node, token.header), MALFORMED);
  }
});

Deno.test("wire §1: a DID of 513 bytes is none, so no delegatee", async () => {
  const session = await aSession(node, { wallet: ALICE });
  const message = await cacao(ALICE, longDid(513), all());
  await refusesUntouched(node, () => post(node, message.header), EMPTY);
  const token = await ucan(node, session, longDid(513), all());
  await refusesUntouched(node, () => post(node, token.header), MALFORMED);
});

// The contract asks for 401 and names no code: a resource in such a space is taken as opaque.
Deno.test("wire §1: a space id of 513 bytes is none, so nobody owns it", async () => {
  const session = await aSession(node, { wallet: ALICE });
  const [resource, att] = [resourceUri(longSpace(513), "kv"), attenuation(kv(), [GET])];
  const over = { [resource]: { [GET]: [{}] } };
  const message = await cacao(ALICE, KEY.did, { ...att, ...over });
  await refusesUntouched(node, () => post(node, message.header), NO_PARENT);
  const token = await ucan(node, session, OTHER.did, over);
  await refusesUntouched(node, () => post(node, token.header), notGranted(resource, GET));
});

Deno.test("wire §1: a space id of 513 bytes in a path is refused", async () => {
  const path = `/peer/generate/${encodeURIComponent(longSpace(513))}`;
  await refusesUntouched(node, () => ask(node, path, { method: "GET" }), NO_SPACE_ID);
});

Deno.test("wire §1: a nonce has 256 bytes, not 257", async () => {
  const session = await aSession(node, { wallet: ALICE });
  const made = (nonce: string) => ucan(node, session, OTHER.did, all(), { nonce });
  await accepted(node, await made("n".repeat(256)));
  await accepted(node, await made("\u00e9".repeat(128)));
  for (const nonce of ["n".repeat(257), "\u00e9".repeat(128) + "n"]) {
    const { header } = await made(nonce);
    await refusesUntouched(node, () => post(node, header), MALFORMED);
  }
});

/** A grant whose token has exactly this many bytes; a length that base64url cannot have fails. */
async function tokenOf(bytes: number): Promise<string> {
  const session = await aSession(node, { wallet: ALICE });
  const nonce = "n";
  for (let size = Math.floor(bytes * 0.7); size < bytes; size++) {
    const fields = { nonce, facts: ["f".repeat(size)] };
    const { header } = await ucan(node, session, OTHER.did, all(), fields);
    if (header.length === bytes) return header;
    if (header.length > bytes) break;
    size += Math.max(0, Math.floor((bytes - header.length) * 0.75) - 2);
  }
  throw new Error(`No token has ${bytes} bytes`);
}

Deno.test("wire §1: a token has 32 KiB, not a byte more", async () => {
  for (const bytes of [16 * 1024, 32 * 1024]) assertOk(await post(node, await tokenOf(bytes)));
  const tooLong = await tokenOf(32 * 1024 + 2);
  await refusesUntouched(node, () => post(node, tooLong), MALFORMED);
});

Deno.test("wire §1: a key that is invoked has 1,024 bytes at most, a grant may have more", async () => {
  const path = "k".repeat(1025);
  const session = await aSession(node);
  const folder = await granted(
    node,
    session,
    attenuation(resourceUri(session.space, "kv", path), [GET]),
  );
  const tooLong: Refusal = {
    status: 400,
    code: "key_too_long",
    sentence: "Key exceeds 1024 bytes",
  };
  const invoked = (link: typeof folder, ability: string, bytes: number) =>
    use(node, link, ability, resourceUri(session.space, "kv", "k".repeat(bytes)));
  await refusesUntouched(node, () => invoked(folder, GET, 1025), tooLong);
  await refusesUntouched(node, () => invoked(session, LIST, 1025), tooLong);
  assertOk(await invoked(session, PUT, 1024));
  assertOk(await invoked(session, LIST, 1024));
});

Deno.test("wire §1: a did:key owns spaces too, where the node lets it", async () => {
  await using open = await startTestNode({ env: { TINYCLOUD_SPACES_KEY_OWNERS: "true" } });
  const owner = await randomSessionKey();
  const space = spaceId(owner.did);
  const to = await hostDid(open, space);
  const att = attenuation(resourceUri(space, "space"), ["tinycloud.space/host"]);
  const answer = await accepted(open, await ucan(open, { key: owner }, to, att));
  assert.deepEqual(answer.activated, [space]);
});

Deno.test("wire §1: who has no hosted space is told so after all else", async () => {
  const wallet = randomWallet();
  const token = await cacao(wallet, KEY.did, allOfKv(spaceId(wallet.did)));
  await refusesUntouched(node, () => post(node, token.header), NO_SPACE);
});
