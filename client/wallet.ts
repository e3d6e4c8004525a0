/**
 * Wallets: an Ethereum account that owns spaces and signs sign-in messages (wire §1, EIP-191).
 */
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";

/** Anything that can sign as an Ethereum account. */
export interface Wallet {
  /** `0x…` in EIP-55. */
  readonly address: string;
  readonly chainId: number;
  /** `did:pkh:eip155:{chainId}:{address}`, the owner of this wallet's spaces. */
  readonly did: string;
  /** The 65-byte EIP-191 signature r‖s‖v over `text`, v 27 or 28. */
  sign(text: string): Promise<Uint8Array>;
}

/** A wallet from its 32-byte secret, as bytes or hex (`0x` optional). Throws if it is none. */
export function walletFromPrivateKey(secret: Uint8Array | string, chainId = 1): Wallet {
  const key = typeof secret === "string" ? hexToBytes(secret.replace(/^0x/, "")) : secret;
  const point = secp256k1.getPublicKey(key, false).subarray(1);
  const address = eip55(bytesToHex(keccak_256(point).subarray(-20)));
  return {
    address,
    chainId,
    did: pkhDid(chainId, address),
    sign(text) {
      const digest = eip191Digest(text);
      const signature = secp256k1.sign(digest, key, { prehash: false, format: "recovered" });
      const v = 27 + (signature[0] ?? 0);
      return Promise.resolve(Uint8Array.of(...signature.subarray(1), v));
    },
  };
}

/** A throw-away wallet: its key is nowhere but in this object. */
export function randomWallet(chainId = 1): Wallet {
  return walletFromPrivateKey(secp256k1.utils.randomSecretKey(), chainId);
}

/** What a browser wallet puts at `window.ethereum` (EIP-1193). */
export interface Eip1193Provider {
  request(call: { method: string; params?: unknown[] }): Promise<unknown>;
}

/** The first account of a browser wallet, which asks its owner for leave. Throws if it has none. */
export async function walletFromProvider(provider: Eip1193Provider): Promise<Wallet> {
  const accounts = await provider.request({ method: "eth_requestAccounts" });
  const account: unknown = Array.isArray(accounts) ? accounts[0] : undefined;
  if (typeof account !== "string" || !/^0x[0-9a-f]{40}$/i.test(account)) {
    throw new TypeError("The wallet gave no account");
  }
  const chainId = Number(await provider.request({ method: "eth_chainId" }));
  const address = eip55(account.slice(2));
  return {
    address,
    chainId,
    did: pkhDid(chainId, address),
    async sign(text) {
      const params = [`0x${bytesToHex(utf8ToBytes(text))}`, account];
      const signature = await provider.request({ method: "personal_sign", params });
      return hexToBytes(String(signature).replace(/^0x/, ""));
    },
  };
}

function pkhDid(chainId: number, address: string): string {
  return `did:pkh:eip155:${chainId}:${address}`;
}

function eip191Digest(text: string): Uint8Array {
  const message = utf8ToBytes(text);
  const prefix = utf8ToBytes(`\x19Ethereum Signed Message:\n${message.length}`);
  return keccak_256(concatBytes(prefix, message));
}

/** `0x…` with the letters' case as checksum (EIP-55), from 40 hex digits of any case. */
function eip55(hex: string): string {
  const lower = hex.toLowerCase();
  const hash = bytesToHex(keccak_256(utf8ToBytes(lower)));
  const cased = [...lower].map((digit, index) =>
    Number.parseInt(hash.charAt(index), 16) >= 8 ? digit.toUpperCase() : digit
  );
  return `0x${cased.join("")}`;
}
