// The EIP-4361 text that a wallet signed, rebuilt from a CACAO's fields (clients.md 1.4). The
// grammar of cacao.ts makes fields → text injective; this file only lays them out.

import type { Wallet } from "./did.ts";

export interface SiweFields {
  readonly domain: string;
  readonly aud: string;
  readonly iat: string;
  readonly nonce: string;
  readonly exp?: string;
  readonly nbf?: string;
  readonly scheme?: string;
  readonly statement?: string;
  readonly request_id?: string;
  readonly resources?: readonly string[];
}

export function siweText(fields: SiweFields, wallet: Wallet): string {
  const origin = fields.scheme === undefined
    ? fields.domain
    : `${fields.scheme}://${fields.domain}`;
  const lines = [
    `${origin} wants you to sign in with your Ethereum account:`,
    wallet.address,
    "",
    ...(fields.statement === undefined ? [] : [fields.statement]),
    "",
    `URI: ${fields.aud}`,
    "Version: 1",
    `Chain ID: ${wallet.chainId}`,
    `Nonce: ${fields.nonce}`,
    `Issued At: ${fields.iat}`,
  ];
  if (fields.exp !== undefined) lines.push(`Expiration Time: ${fields.exp}`);
  if (fields.nbf !== undefined) lines.push(`Not Before: ${fields.nbf}`);
  if (fields.request_id !== undefined) lines.push(`Request ID: ${fields.request_id}`);
  if (fields.resources !== undefined) {
    lines.push("Resources:", ...fields.resources.map((resource) => `- ${resource}`));
  }
  return lines.join("\n");
}
