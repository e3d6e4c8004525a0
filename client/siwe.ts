/**
 * The text a wallet signs: EIP-4361, "Sign-In with Ethereum" (clients §1.4).
 */

/** The fields of a message, each written as given: nothing is checked, so bad ones can be made. */
export interface SiweFields {
  readonly scheme?: string | undefined;
  readonly domain: string;
  /** EIP-55. */
  readonly address: string;
  readonly statement?: string | undefined;
  readonly uri: string;
  readonly version?: string | number | undefined;
  readonly chainId: string | number;
  readonly nonce: string;
  /** RFC 3339, as the two below. */
  readonly issuedAt: string;
  readonly expirationTime?: string | undefined;
  readonly notBefore?: string | undefined;
  readonly requestId?: string | undefined;
  readonly resources?: readonly string[] | undefined;
}

/** The message for these fields: lines joined by LF, none after the last. */
export function siweText(fields: SiweFields): string {
  const scheme = fields.scheme === undefined ? "" : `${fields.scheme}://`;
  return [
    `${scheme}${fields.domain} wants you to sign in with your Ethereum account:`,
    fields.address,
    "",
    ...line("", fields.statement),
    "",
    `URI: ${fields.uri}`,
    `Version: ${fields.version ?? 1}`,
    `Chain ID: ${fields.chainId}`,
    `Nonce: ${fields.nonce}`,
    `Issued At: ${fields.issuedAt}`,
    ...line("Expiration Time: ", fields.expirationTime),
    ...line("Not Before: ", fields.notBefore),
    ...line("Request ID: ", fields.requestId),
    ...(fields.resources?.length ? ["Resources:"] : []),
    ...(fields.resources ?? []).map((resource) => `- ${resource}`),
  ].join("\n");
}

function line(label: string, value: string | undefined): string[] {
  return value === undefined ? [] : [label + value];
}
