// BLAKE3-256, the one hash of the protocol (wire §2): token ids, content hashes, derived keys.

import { createBLAKE3 } from "hash-wasm";

/** An incremental hash. `digest` ends it. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  /** The 32 bytes of the hash; the hasher must not be used afterwards. */
  digest(): Uint8Array;
}

// One instance mixes the streams that share it, so this one serves whole hashes only: nothing can
// come between its `init` and its `digest`.
const whole = await createBLAKE3();

/** The 32-byte hash of the parts, one after the other. */
export function blake3(...parts: readonly Uint8Array[]): Uint8Array {
  whole.init();
  for (const part of parts) whole.update(part);
  return whole.digest("binary");
}

/** The hash of the parts as 64 lower-case hex digits. */
export function blake3Hex(...parts: readonly Uint8Array[]): string {
  whole.init();
  for (const part of parts) whole.update(part);
  return whole.digest("hex");
}

/** A hasher of its own, for one stream (40 µs to make). */
export async function createHasher(): Promise<Hasher> {
  const hasher = await createBLAKE3();
  hasher.init();
  return {
    update: (bytes) => void hasher.update(bytes),
    digest: () => hasher.digest("binary"),
  };
}
