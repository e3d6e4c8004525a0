// wire §6, POST /invoke, told a second time, in its order.

import { type Answer, isRefusal, ok, type Refusal, refused } from "./answer.ts";
import { cited, isGranted, isRoot, isWithin, revokedAmong, withAncestors } from "./authority.ts";
import { capabilitiesIn } from "./capabilities_read.ts";
import { isHosted, type Model, spacesNamed, type Stored } from "./model.ts";
import { bytes, parseResource, principalOf, type SpaceResource, unaliased } from "./names.ts";
import { type Capability, isInTime, type Read, readToken, type Token } from "./token.ts";

const MAX_LIFETIME_SECONDS = 300;
const KEPT_SECONDS = 60;
const MAX_ANCESTORS = 64;
const MAX_KEY_BYTES = 1024;
const KV = ["put", "get", "metadata", "list", "del"].map((name) => `tinycloud.kv/${name}`);
const READ = "tinycloud.capabilities/read";

/** What the node answers to this invocation; the model does what it orders. `body` is for a put. */
export function invoke(model: Model, now: number, token: Token, body = ""): Answer {
  if (token.kind === "cacao") return refused("token_malformed");
  const read = readToken(token);
  if (isRefusal(read)) return read;
  const { exp = Infinity } = token;
  if (!isInTime(token, now)) {
    return refused("token_time", "Invocation expired or not yet valid");
  }
  if (exp > now + MAX_LIFETIME_SECONDS) {
    return refused("token_lifetime", "Invocation lifetime exceeds server maximum");
  }
  if (isUsedUp(model, now, read)) return refused("invocation_replayed", "duplicate invocation");
  if (!isAddressedHere(model, read)) {
    return refused("token_audience", "Invocation is not addressed to this node");
  }
  const parents = authorize(model, now, read);
  if (isRefusal(parents)) return parents;

  const answer = act(model, now, read, parents, body);
  if (answer.status === 200) {
    model.used.push({ identity: token.identity, issuer: read.issuer, nonce: token.nonce, exp });
  }
  return answer;
}

/**
 * wire §6, replay: by the signed identity and by issuer and nonce, until exp + 60 s; a node may
 * remember for longer.
 */
function isUsedUp(model: Model, now: number, { token, issuer }: Read): boolean {
  return model.used.some((used) =>
    now < used.exp + KEPT_SECONDS &&
    (used.identity === token.identity ||
      (token.nonce !== undefined && used.issuer === issuer && used.nonce === token.nonce))
  );
}

/**
 * wire §6: `aud` is the issuer's principal, this node's `nodeId` or the space's host DID, which
 * wire §4 knows in two encodings.
 */
function isAddressedHere({ setup }: Model, { token, issuer, capabilities }: Read): boolean {
  const audience = principalOf(token.audience) ?? "";
  return audience === issuer || audience === setup.nodeId ||
    spacesNamed(capabilities).some((space) => setup.hostDids(space).includes(audience));
}

/** wire §6, authority: section 4 with the invoker for the delegator, and no window rule. */
function authorize(model: Model, now: number, read: Read): readonly Stored[] | Refusal {
  const { token, issuer: invoker, capabilities } = read;
  const isOwn = (capability: Capability) => isRoot(capability, invoker);
  const parents = capabilities.every(isOwn) ? [] : provenBy(model, now, token, invoker);
  if (isRefusal(parents)) return parents;
  const failing = capabilities.find((capability) =>
    capability.isCaveated || !(isOwn(capability) || isGranted(capability, parents))
  );
  if (failing === undefined) return parents;
  return refused("unauthorized_action", sentence(failing.resource.text, failing.ability));
}

function provenBy(
  model: Model,
  now: number,
  token: Token,
  invoker: string,
): readonly Stored[] | Refusal {
  const parents = cited(model, token.proofs);
  if (isRefusal(parents)) return parents;
  if (parents.some(({ delegatee }) => delegatee !== invoker)) {
    return refused("unauthorized_invoker", "Unauthorized Invoker");
  }
  const revoked = revokedAmong(model, parents);
  if (revoked !== undefined) {
    const invoked = revoked.parent.token.cid;
    if (revoked.isItself) return refused("revoked", `delegation-revoked: ${invoked}`);
    const sentences = revoked.above.map(({ token: { cid } }) =>
      `delegation-ancestor-revoked: ancestor=${cid} invoked=${invoked}`
    );
    return refused("ancestor_revoked", ...sentences);
  }
  const chain = withAncestors(model, parents);
  if (!chain.every((stored) => isWithin(stored, now))) {
    return refused("chain_time", ...token.att.map((one) => sentence(one.resource, one.ability)));
  }
  if (chain.length > MAX_ANCESTORS) {
    return refused("chain_too_long", "delegation-chain-traversal-limit-exceeded");
  }
  return parents;
}

function sentence(resource: string, ability: string): string {
  return `Unauthorized Action: ${resource} / ${ability}`;
}

/** wire §6, one capability: combination and key length, then the space, then the effect. */
function act(
  model: Model,
  now: number,
  { issuer, capabilities }: Read,
  parents: readonly Stored[],
  body: string,
): Answer {
  const [capability] = capabilities;
  if (capability === undefined || capabilities.length > 1) return invalid();
  const { resource } = capability;
  const ability = unaliased(capability.ability);
  if (KV.includes(ability)) {
    if (resource.kind !== "space" || resource.service !== "kv") return invalid();
    const { path: key } = resource;
    if (key === undefined) return invalid();
    if (bytes(key) > MAX_KEY_BYTES) return refused("key_too_long", "Key exceeds 1024 bytes");
    if (!isHosted(model, resource.space)) return noSpace();
    // wire §6: would the chain let the invoker list that key alone? Asked as this list was asked
    // for, so with its fragment.
    const { fragment } = resource;
    return actOnKey(model, resource.space, key, ability, body, (listed) => {
      const tail = fragment === undefined ? "" : `#${fragment}`;
      const one = parseResource(`${resource.space}/kv/${listed}${tail}`);
      return one !== undefined &&
        (resource.owner === issuer || isGranted({ resource: one, ability }, parents));
    });
  }
  if (ability === READ) {
    if (resource.kind !== "space" || !isAll(resource)) return invalid();
    if (!isHosted(model, resource.space)) return noSpace();
    return ok({ kind: "entries", entries: capabilitiesIn(model, now, resource.space) });
  }
  if (resource.kind === "space" && !isHosted(model, resource.space)) return noSpace();
  return ok({ kind: "nothing" });
}

/** wire §6: `capabilities/read` is on `{space}/capabilities/all`. */
function isAll({ service, path }: SpaceResource): boolean {
  return service === "capabilities" && path === "all";
}

/** wire §6, the table. `mayList` says whether the chain lets the invoker list that key alone. */
function actOnKey(
  model: Model,
  space: string,
  key: string,
  ability: string,
  body: string,
  mayList: (key: string) => boolean,
): Answer {
  const at = model.values.findIndex((entry) => entry.space === space && entry.key === key);
  const held = model.values[at];
  switch (ability) {
    case "tinycloud.kv/put":
      if (held !== undefined) model.values.splice(at, 1);
      model.values.push({ space, key, value: body });
      return ok({ kind: "stored", value: body });
    case "tinycloud.kv/get":
      return held === undefined ? noKey() : ok({ kind: "value", value: held.value });
    case "tinycloud.kv/metadata":
      return held === undefined ? noKey() : ok({ kind: "metadata", value: held.value });
    case "tinycloud.kv/del":
      if (held === undefined) return refused("key_not_deleted", `No Such Key: ${key}`);
      model.values.splice(at, 1);
      return ok({ kind: "nothing" });
    default:
      return ok({ kind: "keys", keys: keysUnder(model, space, key).filter(mayList) });
  }
}

/** wire §6: full keys with that byte prefix, in byte order; keys are ASCII. */
function keysUnder(model: Model, space: string, prefix: string): readonly string[] {
  return model.values
    .filter((entry) => entry.space === space && entry.key.startsWith(prefix))
    .map(({ key }) => key)
    .sort((one, other) => one < other ? -1 : 1);
}

const invalid = () => refused("inputs_invalid", "Invalid inputs");
const noSpace = () => refused("space_not_found", "Space not found");
const noKey = () => refused("key_not_found", "Key not found");
