/**
 * What a token grants: attenuations, and their two forms in a sign-in message, the ReCap resource
 * and the sentence people read in their wallet (wire §3.1, clients §1.4).
 */
import { base64url } from "multiformats/bases/base64";
import { cidInBase58 } from "./cid.ts";

/** Resource URI → ability → caveats; `[{}]` means "no caveat". */
export type Attenuations = Readonly<Record<string, Readonly<Record<string, readonly unknown[]>>>>;

/** The attenuation that grants `abilities` on one resource, without caveats. */
export function attenuation(resource: string, abilities: readonly string[]): Attenuations {
  return { [resource]: Object.fromEntries(abilities.map((ability) => [ability, [{}]])) };
}

/** `urn:recap:…` for `att` and the CIDs (either base) it rests on. */
export function recapResource(att: Attenuations, prf: readonly string[] = []): string {
  const json = canonicalJson({ att, prf: prf.map(cidInBase58) });
  return `urn:recap:${base64url.baseEncode(new TextEncoder().encode(json))}`;
}

/** The sentence that a message carrying this ReCap must end its statement with. */
export function recapStatement(att: Attenuations): string {
  const parts = Object.keys(att).sort().flatMap((resource) =>
    [...namesByNamespace(Object.keys(att[resource] ?? {}))].map(([namespace, names]) =>
      `'${namespace}': ${names.map((name) => `'${name}'`).join(", ")} for '${resource}'.`
    )
  );
  const numbered = parts.map((part, index) => ` (${index + 1}) ${part}`).join("");
  return "I further authorize the stated URI to perform the following actions on my behalf:" +
    numbered;
}

function namesByNamespace(abilities: readonly string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  // By namespace first, then by name: sorted whole, `a+/x` would come before `a/x`.
  for (const [namespace = "", name = ""] of abilities.map((ability) => ability.split("/"))) {
    groups.set(namespace, [...groups.get(namespace) ?? [], name]);
  }
  return new Map(
    [...groups].sort(([a], [b]) => a < b ? -1 : 1).map(([namespace, names]) => [
      namespace,
      names.sort(),
    ]),
  );
}

/** JSON with sorted names and no spaces (RFC 8785; names here are ASCII, so any order agrees). */
function canonicalJson(value: unknown): string {
  return JSON.stringify(
    value,
    (_name, part: unknown) =>
      typeof part === "object" && part !== null && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => a < b ? -1 : 1))
        : part,
  );
}
