// ReCap (ERC-5573; wire §3.1): capabilities inside a SIWE message, and the sentence that tells them.

import { malformed } from "../errors.ts";
import { MAX_TOKEN_LENGTH } from "../limits.ts";
import { type Attenuation, parseAttenuations } from "./attenuations.ts";
import { decodeBase64url } from "./base64url.ts";
import { type Cid, parseCid } from "./cid.ts";
import { isArray, isObject, member, parseJson } from "./json.ts";
import { decodeUtf8 } from "./text.ts";

const PREFIX = "urn:recap:";
const OPENING = "I further authorize the stated URI to perform the following actions on my behalf:";

export interface Recap {
  readonly attenuations: readonly Attenuation[];
  readonly proofs: readonly Cid[];
}

/** The ReCap of a message: its last resource, if that is one. Throws `token_malformed`. */
export function findRecap(resources: readonly string[]): Recap | undefined {
  const last = resources.at(-1);
  return last?.startsWith(PREFIX) ? parseRecap(last) : undefined;
}

export function parseRecap(uri: string): Recap {
  const bytes = decodeBase64url(uri.slice(PREFIX.length), "forbidden", "the ReCap");
  const recap = parseJson(decodeUtf8(bytes, "the ReCap"), "the ReCap");
  if (!isObject(recap)) throw malformed("the ReCap is not an object");
  const proofs = member(recap, "prf");
  if (!isArray(proofs)) throw malformed("the ReCap's prf is not a list");
  return {
    attenuations: parseAttenuations(member(recap, "att")),
    proofs: proofs.map((proof) => {
      if (typeof proof !== "string" || !proof.startsWith("z")) {
        throw malformed("a proof of the ReCap is not a base58 CID");
      }
      return parseCid(proof);
    }),
  };
}

/** The sentence with which the message's statement must end, from the strings exactly as decoded. */
export function recapStatement(attenuations: readonly Attenuation[]): string {
  const resources = new Map<string, Map<string, string[]>>();
  for (const { resource, ability } of attenuations) {
    const slash = ability.indexOf("/");
    const namespaces = resources.get(resource) ?? new Map<string, string[]>();
    resources.set(resource, namespaces);
    const namespace = ability.slice(0, slash);
    const names = namespaces.get(namespace) ?? [];
    namespaces.set(namespace, names);
    names.push(ability.slice(slash + 1));
  }
  let statement = OPENING;
  let index = 0;
  for (const [resource, namespaces] of sorted(resources)) {
    for (const [namespace, names] of sorted(namespaces)) {
      const quoted = names.sort().map((name) => `'${name}'`).join(", ");
      statement += ` (${++index}) '${namespace}': ${quoted} for '${resource}'.`;
      // It names each resource as often as there are namespaces: megabytes, from a hostile ReCap.
      if (statement.length > MAX_TOKEN_LENGTH) {
        throw malformed("the statement does not tell the ReCap");
      }
    }
  }
  return statement;
}

/** By code units; the strings are ASCII (URIs and abilities), so by bytes. No two are the same. */
function sorted<T>(entries: ReadonlyMap<string, T>): [string, T][] {
  return [...entries].sort(([a], [b]) => a < b ? -1 : 1);
}
