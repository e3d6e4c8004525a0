// DIDs and the principals they stand for (wire §1).

import assert from "node:assert/strict";
import fc from "fast-check";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { eip55, findPrincipal, principalOf, walletOf } from "../../../src/tokens/did.ts";
import { ALICE, KEY, malformation } from "../../support/tokens.ts";

const hex = ALICE.address.slice(2);
const wallet = ALICE.did;

const PRINCIPALS: readonly [what: string, did: string, principal: string][] = [
  ["a wallet in EIP-55", wallet, wallet],
  ["a wallet in lower case", wallet.toLowerCase(), wallet],
  ["a wallet in upper case", `did:pkh:eip155:1:0x${hex.toUpperCase()}`, wallet],
  ["a wallet on another chain", `did:pkh:eip155:137:0x${hex}`, `did:pkh:eip155:137:0x${hex}`],
  [
    "chain 2^64 + 1",
    `did:pkh:eip155:18446744073709551617:0x${hex}`,
    `did:pkh:eip155:18446744073709551617:0x${hex}`,
  ],
  ["a wallet's DID URL", `${wallet.toLowerCase()}#blockchainAccountId`, wallet],
  ["a did:key", KEY.did, KEY.did],
  ["a did:key's DID URL", KEY.didUrl, KEY.did],
  ["an empty fragment", `${KEY.did}#`, KEY.did],
  ["every sign a fragment has", `${KEY.did}#aZ0-._~!$&'()*+,;=:@/?%2f`, KEY.did],
  ["a did:key of an unknown kind", "did:key:zzz", "did:key:zzz"],
  ["a did:key in upper case", "did:key:Z6MK", "did:key:Z6MK"],
  [
    "a wallet of another kind",
    "did:pkh:solana:4sGjMW1s:CKg5d12J",
    "did:pkh:solana:4sGjMW1s:CKg5d12J",
  ],
  ["did:web with a port", "did:web:example.org%3A3000:user", "did:web:example.org%3A3000:user"],
  ["a method with digits", "did:3:kjz", "did:3:kjz"],
  ["an empty part in the middle", "did:example::x", "did:example::x"],
  [
    "a wallet's name behind another method",
    `did:example:${wallet.toLowerCase()}`,
    `did:example:${wallet.toLowerCase()}`,
  ],
  ["512 characters", `did:example:${"a".repeat(500)}`, `did:example:${"a".repeat(500)}`],
];
for (const [what, did, principal] of PRINCIPALS) {
  Deno.test(`${what} is a DID`, () => {
    assert.equal(principalOf(did), principal);
    assert.equal(findPrincipal(principal), principal, "a principal is its own principal");
  });
}

const NO_DIDS: Readonly<Record<string, string>> = {
  "nothing": "",
  "no scheme": "key:z6Mk",
  "an upper-case scheme": "DID:key:z6Mk",
  "an upper-case method": "did:Key:z6Mk",
  "no method": "did::x",
  "no identifier": "did:example:",
  "no colon": "did:example",
  "a colon at the end": "did:example:x:",
  "a slash": "did:example:x/y",
  "a query": "did:example:x?y",
  "a space": "did:example:x y",
  "a space before it": " did:example:x",
  "a line feed at the end": "did:example:x\n",
  "NUL": "did:example:x\0",
  "a letter that is not ASCII": "did:example:\u00e9",
  "a bad escape": "did:example:%zz",
  "half an escape": "did:example:%4",
  "half an escape in the middle": "did:example:%4:x",
  "two fragments": `${KEY.did}#a#b`,
  "a space in the fragment": `${KEY.did}#a b`,
  "a bad escape in the fragment": `${KEY.did}#%zz`,
  "half an escape in the fragment": `${KEY.did}#%4`,
  "only a fragment": "#a",
  "513 characters": `did:example:${"a".repeat(501)}`,
  "513 characters with its fragment": `did:example:x#${"a".repeat(499)}`,
};
for (const [what, did] of Object.entries(NO_DIDS)) {
  Deno.test(`a DID with ${what} is none`, () => {
    assert.equal(findPrincipal(did), undefined);
    assert.equal(malformation(() => principalOf(did)), "not a DID");
  });
}

const NO_WALLETS: Readonly<Record<string, string>> = {
  "nothing behind eip155": "did:pkh:eip155",
  "a chain id alone": "did:pkh:eip155:1",
  "a leading zero": `did:pkh:eip155:01:0x${hex}`,
  "a hexadecimal chain id": `did:pkh:eip155:0x1:0x${hex}`,
  "no chain id": `did:pkh:eip155::0x${hex}`,
  "a signed chain id": `did:pkh:eip155:-1:0x${hex}`,
  "a letter in the chain id": `did:pkh:eip155:1a:0x${hex}`,
  "39 digits": `did:pkh:eip155:1:0x${hex.slice(1)}`,
  "41 digits": `did:pkh:eip155:1:0x${hex}0`,
  "a letter that is no digit": `did:pkh:eip155:1:0x${hex.slice(1)}g`,
  "full-width digits": `did:pkh:eip155:1:0x${"\uff10".repeat(40)}`,
  "0X": `did:pkh:eip155:1:0X${hex}`,
  "no 0x": `did:pkh:eip155:1:${hex}`,
  "a part more": `did:pkh:eip155:1:0x${hex}:x`,
  "an escaped digit": `did:pkh:eip155:1:0x${hex.slice(1)}%30`,
};
for (const [what, did] of Object.entries(NO_WALLETS)) {
  Deno.test(`a did:pkh:eip155 with ${what} is no DID`, () => {
    assert.equal(findPrincipal(did), undefined);
  });
}

Deno.test("a wallet is taken apart into chain and address, other DIDs are not", () => {
  const lower = principalOf(`did:pkh:eip155:137:0x${hex.toLowerCase()}`);
  assert.deepEqual(walletOf(lower), { chainId: "137", address: ALICE.address });
  assert.equal(walletOf(principalOf(KEY.did)), undefined);
  assert.equal(walletOf(principalOf(`did:example:${wallet}`)), undefined);
});

/** EIP-55 by its own text: a letter is a capital when its digit of the hash is 8 or more. */
function checksum(digits: string): string {
  const lower = digits.toLowerCase();
  const hash = keccak_256(new TextEncoder().encode(lower)).toHex();
  return lower.replace(
    /[a-f]/g,
    (letter, at: number) =>
      Number.parseInt(hash.charAt(at), 16) >= 8 ? letter.toUpperCase() : letter,
  );
}

Deno.test("an address has one checksum, in whatever case it is written", () => {
  const address = fc.uint8Array({ minLength: 20, maxLength: 20 });
  const capitals = fc.array(fc.boolean(), { minLength: 40, maxLength: 40 });
  fc.assert(fc.property(address, capitals, (bytes, capitals) => {
    const digits = [...bytes.toHex()].map((digit, at) => capitals[at] ? digit.toUpperCase() : digit)
      .join("");
    assert.equal(eip55(digits), `0x${checksum(digits)}`);
    const principal = principalOf(`did:pkh:eip155:1:0x${digits}`);
    assert.equal(principalOf(principal), principal);
  }));
});

Deno.test("addresses stay right when more come than are remembered", () => {
  const addressOf = (number: number) => number.toString(16).padStart(40, "0");
  for (let number = 0; number <= 10_000; number++) eip55(addressOf(number));

  assert.equal(eip55(hex), ALICE.address);
  assert.equal(eip55(addressOf(7)), `0x${checksum(addressOf(7))}`);
});
