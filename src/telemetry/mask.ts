// The second line of defence of invariant 8 (tokens and secrets are never logged). The first is the
// allow-list in fields.ts; this one takes what looks like a secret out of the free text that stays.

// A UCAN's parts, a CACAO, the node's secret (43 characters) and hex keys are long unbroken runs.
const LONG_RUN = /[\w-]{40,}/g;

// Runs as long that are names and no secrets: CIDs, did:key, wallet addresses.
const PUBLIC_NAME =
  /^(?:bafkr4i[a-z2-7]{52}|z(?:6Mk|Q3s|Dn)[1-9A-HJ-NP-Za-km-z]{44,48}|0x[\da-fA-F]{40})$/;

const URL_CREDENTIALS = /:\/\/[^\s/]*@/g;
const ASSIGNMENT = /\b(password|passwd|pwd|secret|token|signature)=[^\s&,;]+/gi;

// More than a line ever shows, so that a message of many megabytes costs little.
const MAX_INPUT = 64 * 1024;

/** The text with everything that could be a token, key or password replaced; at most `max` long. */
export function maskSecrets(text: string, max: number): string {
  const masked = text.slice(0, MAX_INPUT)
    .replace(LONG_RUN, (run) => PUBLIC_NAME.test(run) ? run : "[masked]")
    .replace(URL_CREDENTIALS, "://[masked]@")
    .replace(ASSIGNMENT, "$1=[masked]");
  return masked.length > max ? `${masked.slice(0, max - 1)}…` : masked;
}
