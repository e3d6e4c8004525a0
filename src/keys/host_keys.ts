// The node's own names (wire §5, §9): Ed25519 keys derived from the one secret. Nothing signs with
// them yet; clients put the public half into what their wallet signs, which binds it to this node.

import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { base58btc } from "multiformats/bases/base58";
import type { SpaceId } from "../capabilities/space_id.ts";
import { blake3 } from "../blake3.ts";
import { memo } from "../memo.ts";
import { type Principal, principalOf } from "../tokens/did.ts";
import { encodeUtf8 } from "../tokens/text.ts";

const MAX_CACHED_SPACES = 10_000;
/** DER of an Ed25519 private key (RFC 8410) up to the 32 bytes of its seed. */
const PKCS8_PREFIX = Uint8Array.fromHex("302e020100300506032b657004220420");
const ED25519_PUB = [0xed, 0x01];

export interface HostKeys {
  /** `did:key` of the node itself. */
  readonly nodeId: Principal;
  /** `did:key` of this node for one space. */
  hostDid(space: SpaceId): Principal;
  /** Is it this node's DID for the space, in today's form or the reference's old one? */
  isHostDid(space: SpaceId, audience: Principal): boolean;
}

/** `secret`: the decoded bytes of `keys.secret`, at least 32. */
export function deriveHostKeys(secret: Uint8Array): HostKeys {
  const derive = memo(MAX_CACHED_SPACES, (context: string) => {
    return ed25519PublicKey(blake3(secret, encodeUtf8(context)));
  });
  const hostDid = (space: SpaceId) => didKey(ED25519_PUB, derive(space));
  return {
    nodeId: didKey(ED25519_PUB, derive("tinycloud/node/identity")),
    hostDid,
    // The reference 1.0.0 wrote the multicodec as one byte; spaces were hosted with that.
    isHostDid: (space, audience) =>
      audience === hostDid(space) || audience === didKey(ED25519_PUB.slice(0, 1), derive(space)),
  };
}

function didKey(codec: readonly number[], key: Uint8Array): Principal {
  return principalOf(`did:key:${base58btc.encode(new Uint8Array([...codec, ...key]))}`);
}

function ed25519PublicKey(seed: Uint8Array): Uint8Array {
  const der = Buffer.concat([PKCS8_PREFIX, seed]);

  const privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const { x = "" } = createPublicKey(privateKey).export({ format: "jwk" });
  return Uint8Array.fromBase64(x, { alphabet: "base64url" });
}
