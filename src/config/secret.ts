// What must never be printed. The node's secret is the root of all its keys (wire §5, §9).

import { Buffer } from "node:buffer";
import { blake3Hex } from "../blake3.ts";
import { Refusal } from "./refusal.ts";

const HIDDEN = "[secret]";

/** A value that prints as `[secret]` however it is printed; only `reveal` tells it. */
export class Secret<T = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [Symbol.for("Deno.customInspect")](): string {
    return HIDDEN;
  }
}

const MIN_SECRET_BYTES = 32;
const MAX_SECRET_CHARACTERS = 4096;

// `[global.keys] secret` in the tinycloud.toml that the reference node is published with.
const PUBLISHED = "Some long piece of entropy which is a secret and more than 32 bytes";

/** The bytes of `keys.secret`: base64url, padded or not, in its one canonical spelling. */
export function decodeSecret(raw: unknown): Uint8Array | Refusal {
  if (typeof raw !== "string" || raw.length > MAX_SECRET_CHARACTERS) return refuse("is malformed");

  const unpadded = raw.length % 4 === 0 ? raw.replace(/={1,2}$/, "") : raw;
  const bytes = new Uint8Array(Buffer.from(unpadded, "base64url"));
  // The decoder skips what it does not know; only canonical text survives the way back.
  if (bytes.toBase64({ alphabet: "base64url", omitPadding: true }) !== unpadded) {
    return refuse("is malformed");
  }
  if (bytes.length < MIN_SECRET_BYTES) return refuse(`holds only ${bytes.length} bytes`);
  if (new TextDecoder().decode(bytes) === PUBLISHED) {
    return refuse(
      "is the sample value from the reference node's tinycloud.toml, known to everyone",
    );
  }
  return bytes;
}

function refuse(found: string): Refusal {
  return new Refusal(found, "unpadded base64url of at least 32 random bytes (tinycloud keygen)");
}

// Wire §5 derives keys from BLAKE3(secret ‖ context). With the context in front no key comes out.
const FINGERPRINT_CONTEXT = new TextEncoder().encode("tinycloud/node/secret-fingerprint:");

/** Under which name a database keeps the fingerprint. */
export const FINGERPRINT_SETTING = "secret.fingerprint";

/** 64 hex digits by which a database recognises its secret again; nothing can be derived back. */
export function fingerprint(secret: Secret<Uint8Array>): string {
  return blake3Hex(FINGERPRINT_CONTEXT, secret.reveal());
}
