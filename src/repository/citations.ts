// What a stored token cites. It was judged when it was accepted.

import { decodeBase64url } from "../tokens/base64url.ts";
import { type Cid, parseCid } from "../tokens/cid.ts";
import { isArray, isObject, member, parseJson } from "../tokens/json.ts";
import { decodeUtf8 } from "../tokens/text.ts";

/**
 * The proofs of a UCAN. A CACAO that is no delegation is a revocation, and cites nothing; neither
 * does a token whose bytes are damaged, which proves nothing any more either.
 */
export function proofsOf(token: string): readonly Cid[] {
  const [, payload] = token.split(".");
  if (payload === undefined) return [];
  try {
    // As when it came: the platform's parser alone takes a hundred times as long for a hostile one.
    const claims = parseJson(decodeUtf8(decodeBase64url(payload, "forbidden")));
    const proofs = isObject(claims) ? member(claims, "prf") : undefined;
    return isArray(proofs) ? proofs.map((proof) => parseCid(String(proof))) : [];
  } catch {
    return [];
  }
}
