// From what is held to what is granted or invoked: how a script's choices become attenuations.

import type { Attenuation, Capability } from "../oracle/token.ts";
import { isUnder, parseResource, type Resource, type SpaceResource } from "../oracle/names.ts";
import type { Cast, Holder, Space } from "./cast.ts";
import { nth } from "./choosing.ts";
import { ANYWHERE, KV, type PathEdit, type Scope, WITHIN } from "./script.ts";
import { withLowerAddress } from "./sealing.ts";

/** A resource with all that may be done to it. */
export interface Held {
  readonly resource: Resource;
  readonly abilities: readonly string[];
}

/** What a space's owner has to give. */
export function owned({ id, owner }: Space): readonly Held[] {
  const given: [string, readonly string[]][] = [
    [`${id}/kv`, KV],
    [`${id}/capabilities`, ["tinycloud.capabilities/read"]],
    [`${id}/delegation`, ["tinycloud.delegation/revoke"]],
    [networkOf(owner), ["tinycloud.encryption/decrypt"]],
    [`${id}/sql/db`, ["tinycloud.sql/read"]],
  ];
  return given.flatMap(([text, abilities]) => {
    const resource = parseResource(text);
    return resource === undefined ? [] : [{ resource, abilities }];
  });
}

function networkOf({ did }: Holder): string {
  return `urn:tinycloud:encryption:${did}:default`;
}

/** What a session is given (clients §1.5): `kv`, and to read and revoke delegations. */
export function sessionOf(space: Space): readonly Attenuation[] {
  return owned(space).slice(0, 3).flatMap(({ resource, abilities }) =>
    abilities.map((ability) => ({ resource: resource.text, ability, caveats: [{}] }))
  );
}

/** By resource, in order. */
export function heldOf(capabilities: readonly Capability[]): readonly Held[] {
  const texts = [...new Set(capabilities.map(({ resource }) => resource.text))];
  return texts.flatMap((text) => {
    const same = capabilities.filter(({ resource }) => resource.text === text);
    const [first] = same;
    if (first === undefined) return [];
    return [{ resource: first.resource, abilities: same.map(({ ability }) => ability) }];
  });
}

/** Whereon a scope is put. */
export interface Ground {
  readonly held: readonly Held[];
  readonly cast: Cast;
  readonly purpose: "grant" | "invoke";
  /** The resources that hold a value. */
  readonly stored: readonly SpaceResource[];
}

/** What the scope says of what is held; nothing if nothing is held. */
export function derive(scope: Scope, ground: Ground): readonly Attenuation[] {
  const base = baseOf(scope, ground);
  if (base === undefined) return [];
  const resource = withLetters(resourceText(scope, base.resource, ground), scope.letters);
  return abilitiesOf(scope, base.abilities)
    .map((ability) => ({ resource, ability, caveats: scope.caveats }));
}

/** Every fifth of anything, the others of keys, where there is most to go wrong. */
function baseOf({ base }: Scope, { held }: Ground): Held | undefined {
  const ofKeys = held.filter(({ abilities }) => abilities.some((one) => KV.includes(one)));
  const choices = base % 5 > 0 && ofKeys.length > 0 ? ofKeys : held;
  return choices[base % choices.length];
}

function abilitiesOf({ ability }: Scope, held: readonly string[]): readonly string[] {
  switch (ability.kind) {
    case "all":
      return held;
    case "one":
      return [held[ability.choice % held.length] ?? ""];
    case "set":
      return ability.abilities;
  }
}

function resourceText(scope: Scope, base: Resource, ground: Ground): string {
  const { spaces } = ground.cast;
  if (scope.place === "opaque") return "https://example.com/a";
  if (scope.place === "network") return networkOf(nth(spaces, scope.base).owner);
  if (base.kind !== "space") return base.text;
  const space = scope.place === "other space" ? nth(spaces, scope.base).id : base.space;
  const service = scope.place === "other service" ? "kvx" : base.service;
  const path = pathOf(scope.path, base, ground);
  const fragment = base.fragment === undefined ? "" : `#${base.fragment}`;
  const text = `${space}/${service}${path === undefined ? "" : `/${path}`}` +
    (scope.tail === "" ? fragment : scope.tail);
  if (scope.place === "other scheme") return text.replace(/^tinycloud:/, "TinyCloud:");
  // wire §1: a chain id has no leading zero, so this is opaque.
  if (scope.place === "no DID") return text.replace(/^tinycloud:pkh:eip155:/, "$&0");
  return text;
}

function pathOf(edit: PathEdit, base: SpaceResource, ground: Ground): string | undefined {
  const { path, service } = base;
  switch (edit.kind) {
    case "same":
      return path;
    case "replace":
      return edit.text;
    case "append":
      return path === undefined ? undefined : path + edit.text;
    case "cut":
      return path?.slice(0, -1);
    case "stored": {
      const covered = ground.stored.filter((one) => isUnder(one, base));
      const key = covered[edit.choice % covered.length]?.path;
      return key ?? pathOf({ kind: "within", choice: edit.choice }, base, ground);
    }
    case "within":
      return path === undefined
        ? anyPath(service, edit.choice, ground.purpose)
        : deeper(path, edit.choice);
  }
}

/** Where a whole service is held. */
function anyPath(service: string, choice: number, purpose: "grant" | "invoke"): string | undefined {
  if (service === "capabilities" && purpose === "invoke") return "all";
  if (service !== "kv") return undefined;
  if (purpose === "invoke" || choice % 3 === 2) return ANYWHERE[choice % ANYWHERE.length];
  // All of it, or the path with the most neighbours: what it covers is not what begins like it.
  return choice % 3 === 0 ? undefined : "a";
}

function deeper(path: string, choice: number): string {
  const more = WITHIN[choice % WITHIN.length] ?? "";
  if (path === "") return more === "" ? "" : "/a";
  return path + (path.endsWith("/") && choice % 2 === 1 ? more.slice(1) : more);
}

function withLetters(text: string, letters: Scope["letters"]): string {
  switch (letters) {
    case "EIP-55":
      return text;
    case "lower":
      return withLowerAddress(text);
    case "upper":
      return text.replace(/0x[0-9a-fA-F]{40}/g, (one) => `0x${one.slice(2).toUpperCase()}`);
  }
}
