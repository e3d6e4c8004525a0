// What a stored token cites, read as leniently as can be: it was judged when it was accepted.

import { type Cid, parseCid } from "../tokens/cid.ts";

/**
 * The proofs of a UCAN. A CACAO that is no delegation is a revocation, and cites nothing; neither
 * does a token whose bytes are damaged, which proves nothing any more either.
 */
export function proofsOf(token: string): readonly Cid[] {
  const [, payload] = token.split(".");
  if (payload === undefined) return [];
  try {
    const bytes = Uint8Array.fromBase64(payload, { alphabet: "base64url" });
    const { prf }: { prf?: unknown } = JSON.parse(new TextDecoder().decode(bytes));
    return Array.isArray(prf) ? prf.map((proof) => parseCid(String(proof))) : [];
  } catch {
    return [];
  }
}
