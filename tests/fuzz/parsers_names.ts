// Names (wire §1): DIDs, keys, resources, spaces, abilities. Each canonical form is its own, and
// changes nothing but an address's letters.

import assert from "node:assert/strict";
import { canonicalAbility, parseAbility } from "../../src/capabilities/ability.ts";
import { parseResource, type Resource } from "../../src/capabilities/resource.ts";
import { ownerOf, parseSpaceId } from "../../src/capabilities/space_id.ts";
import { findPrincipal, principalOf, walletOf } from "../../src/tokens/did.ts";
import { publicKeyOf } from "../../src/tokens/did_key.ts";
import { aCid, ALICE, base58, BOB, K256, KEY, P256, SPACE } from "../support/tokens.ts";
import { bytesOfLatin1, latin1 } from "./mutation.ts";
import { fills, same, type Target, target, whole } from "./parsers_target.ts";

const ENCRYPTION = `urn:tinycloud:encryption:${ALICE.did}:net`;
const ALICE_IN_LOWER_CASE = ALICE.did.toLowerCase();
const suffixOf = (did: string) => did.slice("did:".length);
const DIDS = [
  ...[ALICE.did, BOB.did, KEY.did, KEY.didUrl, P256.did, K256.did],
  "did:web:a.example%3A8:u",
];
const RESOURCES = [
  ...["kv", "kv/", "kv/a/b%20c//d", "kv/a?b=c&d#e", "capabilities/all", "space"]
    .map((rest) => `${SPACE}/${rest}`),
  `tinycloud:${suffixOf(KEY.did)}:x/kv/y`,
  `tinycloud:${suffixOf(ALICE_IN_LOWER_CASE)}:default/kv/a`,
  ENCRYPTION,
  ENCRYPTION.replace(ALICE.did, ALICE_IN_LOWER_CASE),
  `urn:cid:${aCid("p")}`,
  "https://u@[2001:db8::1.2.3.4]:8/a/../b%2e?c#d",
  "mailto:a@b.example",
];
const SPACES = [
  SPACE,
  `tinycloud:${suffixOf(KEY.did)}:a-b_c%20d`,
  `tinycloud:${suffixOf(ALICE_IN_LOWER_CASE)}:x@y`,
];
const ABILITIES = ["tinycloud.kv/get", "tinycloud.kv/delete", "tinycloud.delegation/revoke", "*/*"];

const did = target({
  kind: "did",
  share: 40,
  layers: [whole(DIDS)],
  shapes: fills(["did:a:", "did:pkh:eip155:", "did:a:b#", ""]),
  another: (at) => `did:pkh:eip155:1:0x${String(at).padStart(40, "a")}#${"b".repeat(440)}`,
  parse: findPrincipal,
  promises(input, principal) {
    assert.equal(findPrincipal(principal), principal);
    assert.ok(!principal.includes("#") && principal.length <= 512, "a principal is a bounded DID");
    assertOnlyAddressChanged(input.replace(/#.*/s, ""), principal);
    const wallet = walletOf(principal);
    assert.equal(wallet !== undefined, principal.startsWith("did:pkh:eip155:"));
    if (wallet === undefined) return;
    const digits = wallet.address.slice(2);
    for (const address of [`0x${digits.toLowerCase()}`, `0x${digits.toUpperCase()}`]) {
      assert.equal(findPrincipal(`did:pkh:eip155:${wallet.chainId}:${address}`), principal);
    }
    assertKnownAddress(wallet.address);
  },
});

const CODECS = { EdDSA: [0xed, 0x01], ES256K: [0xe7, 0x01], ES256: [0x80, 0x24] } as const;
const didKey = target({
  kind: "did:key",
  share: 40,
  layers: [whole([KEY.did, P256.did, K256.did]), {
    samples: [KEY, P256, K256].map(({ did }) => base58Bytes(did.slice("did:key:".length))),
    alphabet: "bytes",
    wrap: (inside) => `did:key:${base58(bytesOfLatin1(inside.slice(0, 60)))}`,
  }],
  shapes: fills(["did:key:z", "did:key:z6Mk"], [""]),
  another: (at) => `${didKeyOf(at)}#${"a".repeat(440)}`,
  parse: (input) => publicKeyOf(principalOf(input)),
  promises(input, { algorithm, bytes }) {
    assert.equal(bytes.length, algorithm === "EdDSA" ? 32 : 33, "a key of another length");
    assert.equal(
      `did:key:${base58(Uint8Array.of(...CODECS[algorithm], ...bytes))}`,
      principalOf(input),
    );
  },
});

/** One that nobody has a key for; most are points, and all are taken. */
function didKeyOf(at: number): string {
  return `did:key:${base58(Uint8Array.of(0xed, 1, 7, at >> 8, at, ...new Uint8Array(29)))}`;
}

const resource = target({
  kind: "resource",
  share: 70,
  layers: [whole(RESOURCES)],
  shapes: fills([`${SPACE}/kv/`, `${SPACE}/`, "tinycloud:", ENCRYPTION, "urn:", `${SPACE}/kv/?`]),
  parse: parseResource,
  promises(input, resource) {
    same(parseResource(resource.uri), resource, "a resource and its canonical form");
    assertOnlyAddressChanged(input, resource.uri);
    assert.equal(spelledOut(resource), resource.uri, "its parts are the whole");
    if (resource.kind === "opaque") assert.equal(resource.uri, input, "opaque, yet rewritten");
    else assert.equal(findPrincipal(resource.owner), resource.owner, "an owner is a principal");
  },
});

function spelledOut(resource: Resource): string {
  if (resource.kind !== "space") return resource.uri;
  const { space, owner, service, path, query, fragment } = resource;
  assert.deepEqual(parseSpaceId(space), { space, owner }, "its space is a space");
  assert.match(service, /^[^/?#]+$/, "a service is one segment");
  const parts = [space, "/", service];
  if (path !== undefined) parts.push("/", path);
  if (query !== undefined) parts.push("?", query);
  if (fragment !== undefined) parts.push("#", fragment);
  return parts.join("");
}

const spaceId = target({
  kind: "space id",
  share: 50,
  layers: [whole(SPACES)],
  shapes: fills(["tinycloud:", "tinycloud:pkh:eip155:1:", `${SPACE}`], [""]),
  another: (at) => `tinycloud:pkh:eip155:1:0x${String(at).padStart(40, "b")}:${"a".repeat(400)}`,
  parse: parseSpaceId,
  promises(input, { space, owner }) {
    assert.deepEqual(parseSpaceId(space), { space, owner });
    assert.equal(ownerOf(space), owner);
    assert.ok(space.length <= 512 && !/[/?#]/.test(space), "a space id is bounded and bare");
    assertOnlyAddressChanged(input, space);
  },
});

const ability = target({
  kind: "ability",
  share: 25,
  layers: [whole(ABILITIES)],
  shapes: fills(["", "a/"], ["", "/b"]),
  parse: parseAbility,
  promises(input, ability) {
    assert.equal(ability, input, "an ability is compared as it is written");
    assert.ok(ability.length <= 512 && ability.split("/").length === 2);
    assert.equal(canonicalAbility(canonicalAbility(ability)), canonicalAbility(ability));
  },
});

export const NAMES: readonly Target[] = [
  did,
  didKey,
  resource,
  spaceId,
  ability,
];

const ADDRESS = /(pkh:eip155:[0-9]+:0x)([0-9a-fA-F]{40})/;

/** A canonical form differs from what was written by the letters of one address at most. */
function assertOnlyAddressChanged(written: string, canonical: string): void {
  const lower = (text: string) => text.replace(ADDRESS, (all) => all.toLowerCase());
  assert.equal(lower(canonical), lower(written), "more than an address's letters changed");
}

/** Addresses whose EIP-55 form the client made. */
function assertKnownAddress(address: string): void {
  for (const known of [ALICE.address, BOB.address]) {
    if (known.toLowerCase() === address.toLowerCase()) assert.equal(address, known, "not EIP-55");
  }
}

/** The bytes of canonical base58 as Latin-1: one multiplication a digit. */
function base58Bytes(text: string): string {
  const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  let number = 0n;
  for (const digit of text.slice(1)) number = number * 58n + BigInt(alphabet.indexOf(digit));
  const hex = number.toString(16);
  return latin1(Uint8Array.fromHex(hex.length % 2 === 0 ? hex : `0${hex}`));
}
