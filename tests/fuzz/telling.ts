// A script for people: what was sent, in the names of those who sent it.

import type { Cast } from "./cast.ts";
import type { Encoding } from "./script.ts";
import { type Sealed, spelled, unknownCid } from "./sealing.ts";

/** The proof that nobody has. */
export const UNKNOWN = unknownCid("proof");

/** A token by its name, and at its first time by what it says. */
export function told(
  { claims, token }: Sealed,
  encoding: Encoding,
  isNew: boolean,
  begin: number,
): string {
  const name = encoding === "other" ? `${claims.name}, other encoding,` : claims.name;
  if (!isNew) return name;
  const times = [["exp", claims.exp], ["nbf", claims.nbf]] as const;
  return [
    `${name} = ${token.kind} ${claims.issuer.name} → ${claims.audience}`,
    ...times.flatMap(([what, at]) => at === undefined ? [] : `${what} ${instant(at, begin)}`),
    ...(claims.proofs.length > 0 ? [`cites ${claims.proofs.join(", ")}`] : []),
    ...(claims.isSigned ? [] : ["badly signed"]),
    ...claims.att.map(({ resource, ability, caveats }) =>
      `\n      ${ability} on ${resource}` +
      (JSON.stringify(caveats) === "[{}]" ? "" : ` with ${JSON.stringify(caveats)}`)
    ),
  ].join("; ");
}

/** Since the script began. */
export function instant(at: number, begin: number): string {
  const seconds = at - begin;
  return `${seconds < 0 ? "−" : "+"}${Math.abs(seconds)} s`;
}

/** Names in place of DIDs, spaces and CIDs. */
export function named(
  text: string,
  { holders, spaces }: Cast,
  nodeId: string,
  tokens: readonly Sealed[],
): string {
  const names: (readonly [long: string, short: string])[] = [
    ...spaces.map(({ id, name }) => [id, `[${name}]`] as const),
    ...spaces.flatMap(({ name, hostDids: [current, old] }) => [
      [current, `host DID of [${name}]`] as const,
      [old, `old host DID of [${name}]`] as const,
    ]),
    ...holders.flatMap(({ name, did }) => [
      [`${did}#${did.replace("did:key:", "")}`, name] as const,
      [did, name] as const,
    ]),
    ...tokens.flatMap(({ cid, claims: { name }, token }) => [
      [cid, name] as const,
      [spelled(cid, "base58btc"), name] as const,
      [spelled(cid, "another codec"), name] as const,
      [token.cid, name] as const,
    ]),
    [nodeId, "the node"],
    [UNKNOWN, "unknown"],
  ];
  return names.reduce((sentence, [long, short]) => sentence.replaceAll(long, short), text);
}
