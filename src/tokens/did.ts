// Names of people and keys (wire §1): DIDs, and the principal that a DID stands for.

import { keccak_256 } from "@noble/hashes/sha3.js";
import { malformed } from "../errors.ts";
import { MAX_NAME_LENGTH } from "../limits.ts";
import { memo } from "../memo.ts";

declare const principalBrand: unique symbol;
/** A DID without fragment, an eip155 address in EIP-55: compared, stored and indexed as it is. */
export type Principal = string & { readonly [principalBrand]: true };

const DID =
  /^did:[a-z0-9]+:(?:[A-Za-z0-9._-]|%[0-9A-Fa-f]{2}|:)*(?:[A-Za-z0-9._-]|%[0-9A-Fa-f]{2})$/;
const FRAGMENT = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*$/;
const EIP155 = /^did:pkh:eip155:([1-9][0-9]{0,31}):0x([0-9a-fA-F]{40})$/;

/** A wallet's name, taken apart. */
export interface Wallet {
  readonly chainId: string;
  /** EIP-55. */
  readonly address: string;
}

/** The principal of a DID or DID URL. Throws `token_malformed`. */
export function principalOf(didUrl: string): Principal {
  const principal = findPrincipal(didUrl);
  if (principal === undefined) throw malformed("not a DID");
  return principal;
}

/** As `principalOf`; undefined when it is no DID. */
export function findPrincipal(didUrl: string): Principal | undefined {
  if (didUrl.length > MAX_NAME_LENGTH) return undefined;
  const hash = didUrl.indexOf("#");
  const did = hash < 0 ? didUrl : didUrl.slice(0, hash);
  if (hash >= 0 && !FRAGMENT.test(didUrl.slice(hash + 1))) return undefined;
  if (!DID.test(did)) return undefined;
  if (!/^did:pkh:eip155(?::|$)/.test(did)) return did as Principal;
  const match = EIP155.exec(did);
  if (match === null) return undefined;
  const [, chainId = "", address = ""] = match;
  return `did:pkh:eip155:${chainId}:${eip55(address)}` as Principal;
}

/** Chain and address of a wallet's principal; undefined for every other DID. */
export function walletOf(principal: Principal): Wallet | undefined {
  const match = EIP155.exec(principal);
  if (match === null) return undefined;
  const [, chainId = "", address = ""] = match;
  return { chainId, address: `0x${address}` };
}

/**
 * `0x` and the checksummed address (EIP-55) of 40 hex digits in any case. Keccak costs as much as a
 * signature check, and the same few addresses come with every request.
 */
export const eip55 = memo(10_000, checksummed);

function checksummed(hexDigits: string): string {
  const lower = hexDigits.toLowerCase();
  const hash = keccak_256(new TextEncoder().encode(lower)).toHex();
  let address = "0x";
  for (let i = 0; i < lower.length; i++) {
    const digit = lower.charAt(i);
    address += hash.charAt(i) >= "8" ? digit.toUpperCase() : digit;
  }
  return address;
}
