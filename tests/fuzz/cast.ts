// Who acts in a script and on what: wallets, keys and spaces, all from a seed. One wallet twice,
// on two chains, since only the chain tells its two DIDs apart.

import { blake3 } from "@noble/hashes/blake3.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import { base58btc } from "multiformats/bases/base58";
import {
  es256Key,
  es256kKey,
  type SessionKey,
  sessionKeyFromSeed,
  spaceId,
  type Wallet,
  walletFromPrivateKey,
} from "../../client/mod.ts";
import { ask, assertOk } from "../support/asking.ts";
import type { TestNode } from "../support/node.ts";

/** Who can issue and hold a delegation. */
export type Holder =
  & { readonly name: string; readonly did: string }
  & (
    | { readonly kind: "wallet"; readonly wallet: Wallet }
    | { readonly kind: "key"; readonly key: SessionKey }
  );

export interface Space {
  readonly name: string;
  readonly id: string;
  readonly owner: Holder;
  /** The node's DID for it, now and in the encoding of node 1.0.0 (wire §4). */
  readonly hostDids: readonly [current: string, old: string];
}

export interface Cast {
  /** Keys first: most of what happens is theirs. */
  readonly holders: readonly [Holder, ...Holder[]];
  readonly keys: readonly [Holder, ...Holder[]];
  readonly spaces: readonly [Space, ...Space[]];
}

/** Spaces that one owner may host on the node of the scripts: fewer than Alice has. */
export const SPACES_PER_OWNER = 2;

export async function castFrom(node: TestNode, seed: string): Promise<Cast> {
  const secret = (name: string) => blake3(utf8ToBytes(`${seed}/${name}`));
  const alice = aWallet("Alice", walletFromPrivateKey(secret("alice")));
  const alice10 = aWallet("Alice10", walletFromPrivateKey(secret("alice"), 10));
  const bob = aWallet("Bob", walletFromPrivateKey(secret("bob")));
  const ed = aKey("ed", await sessionKeyFromSeed(secret("ed")));
  const p256 = aKey("p256", es256Key(secret("p256")));
  const k256 = aKey("k256", es256kKey(secret("k256")));
  const ed2 = aKey("ed2", await sessionKeyFromSeed(secret("ed2")));
  const owned: [Holder, string][] = [
    [alice, "default"],
    [bob, "default"],
    [alice, "b"],
    [ed, "own"],
    [alice10, "default"],
    [alice, "photos%20c"],
    [p256, "default"],
  ];
  const spaces = await Promise.all(owned.map(([owner, name]) => aSpace(node, owner, name)));
  const [first, ...others] = spaces;
  if (first === undefined) throw new TypeError("a cast has spaces");
  return {
    holders: [ed, p256, k256, ed2, alice, bob, alice10],
    keys: [ed, p256, k256, ed2],
    spaces: [first, ...others],
  };
}

function aWallet(name: string, wallet: Wallet): Holder {
  return { kind: "wallet", name, did: wallet.did, wallet };
}

function aKey(name: string, key: SessionKey): Holder {
  return { kind: "key", name, did: key.did, key };
}

async function aSpace(node: TestNode, owner: Holder, name: string): Promise<Space> {
  const id = spaceId(owner.did, name);
  const path = `/peer/generate/${encodeURIComponent(id)}`;
  const current = assertOk(await ask(node, path, { method: "GET" })).text;
  return { name: `${owner.name}:${name}`, id, owner, hostDids: [current, oldEncoding(current)] };
}

/** wire §4: the multicodec prefix as the single byte 0xed, where the varint is 0xed 0x01. */
function oldEncoding(did: string): string {
  const [codec = 0, , ...key] = base58btc.decode(did.replace("did:key:", ""));
  return `did:key:${base58btc.encode(Uint8Array.of(codec, ...key))}`;
}
