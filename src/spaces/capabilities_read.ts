// `tinycloud.capabilities/read` on `{space}/capabilities/all` (wire §7): what was delegated here.

import { type Ability, canonicalAbility, parseAbility } from "../capabilities/ability.ts";
import { breadthFirst } from "../capabilities/chain.ts";
import { windowOf } from "../capabilities/window.ts";
import type { Capability, Delegation } from "../capabilities/delegation.ts";
import type { SpaceResource } from "../capabilities/resource.ts";
import { ownerOf, type SpaceId } from "../capabilities/space_id.ts";
import { NodeError } from "../errors.ts";
import { MAX_CAPABILITIES_READ } from "../limits.ts";
import { turn } from "../pause.ts";
import { type Cid, parseCid } from "../tokens/cid.ts";
import { type Principal, walletOf } from "../tokens/did.ts";
import { isArray, isObject, type JsonObject, type JsonValue, member } from "../tokens/json.ts";
import { type Authorized, refuse } from "./authorize.ts";
import { identitiesOf } from "./chain_facts.ts";
import { inPieces } from "./pieces.ts";
import type { Ports } from "./ports.ts";

const PAGE = 50;
const MAX_YEAR_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const MIN_YEAR_MS = Date.UTC(-1, 0, 1) + 366 * 86_400_000; // 0000-01-01

type Question =
  | {
    readonly kind: "list";
    readonly direction: "created" | "received" | "all";
    readonly path: string;
    readonly actions: ReadonlySet<Ability> | undefined;
  }
  | { readonly kind: "chain"; readonly cid: Cid };

/** The JSON answer in pieces. Throws the refusals of wire §7 before the first piece. */
export async function readCapabilities(
  invocation: Authorized,
  { space }: SpaceResource,
  ports: Ports,
): Promise<AsyncIterable<string>> {
  const question = await parseFacts(invocation, ports);
  const pieces = question.kind === "list"
    ? listPieces(question, invocation, space, ports)
    : chainPieces(await chainEntries(question.cid, invocation, space, ports));
  return inPieces(pieces, invocation, space, ports);
}

async function parseFacts(invocation: Authorized, ports: Ports): Promise<Question> {
  try {
    return questionOf(invocation.claims.facts);
  } catch (cause) {
    return await refuse(invocation, new NodeError("inputs_invalid", undefined, { cause }), ports);
  }
}

function questionOf(facts: readonly JsonValue[]): Question {
  const [fact, ...others] = facts;
  const everything = { kind: "list", direction: "all", path: "", actions: undefined } as const;
  if (fact === undefined) return everything;
  if (others.length > 0) throw new Error("more than one fact");
  const params = object(member(object(fact, ["capabilitiesReadParams"]), "capabilitiesReadParams"));
  if (member(params, "type") === "chain") {
    object(params, ["type", "delegation_cid"]);
    return { kind: "chain", cid: parseCid(text(member(params, "delegation_cid"))) };
  }
  if (member(params, "type") !== "list") throw new Error("neither list nor chain");
  object(params, ["type", "filters"]);
  const filters = object(optional(params, "filters", {}), ["direction", "path", "actions"]);
  const direction = optional(filters, "direction", "all");
  if (direction !== "created" && direction !== "received" && direction !== "all") {
    throw new Error("an unknown direction");
  }
  const actions = member(filters, "actions");
  if (actions !== undefined && !isArray(actions)) throw new Error("actions are not a list");
  return {
    kind: "list",
    direction,
    path: text(optional(filters, "path", "")),
    actions: actions && new Set(actions.map((name) => canonicalAbility(parseAbility(text(name))))),
  };
}

/** Absent is one thing, null another: it does not parse. */
function optional(object: JsonObject, name: string, absent: JsonValue): JsonValue {
  const value = member(object, name);
  return value === undefined ? absent : value;
}

function object(value: JsonValue | undefined, known?: readonly string[]): JsonObject {
  if (!isObject(value)) throw new Error("not an object");
  if (known !== undefined && Object.keys(value).some((name) => !known.includes(name))) {
    throw new Error("an unknown member");
  }
  return value;
}

function text(value: JsonValue | undefined): string {
  if (typeof value !== "string") throw new Error("not text");
  return value;
}

async function* listPieces(
  { direction, path, actions }: Extract<Question, { kind: "list" }>,
  invocation: Authorized,
  space: SpaceId,
  ports: Ports,
): AsyncGenerator<string> {
  const person = personOf(invocation);
  const isAsked = ({ resource, ability }: Capability) =>
    resource.kind === "space" && resource.space === space &&
    (resource.path ?? "").startsWith(path) &&
    (actions === undefined || actions.has(canonicalAbility(ability)));
  const { repository, clock, rules } = ports;
  let separator = "{";
  let before: number | undefined;
  for (let left = MAX_CAPABILITIES_READ; left > 0;) {
    const { found, next } = await repository.delegationsIn({
      space,
      limit: PAGE,
      inForceAt: clock.nowSeconds(),
      ...(rules.maxDelegationLifetime === undefined
        ? {}
        : { maxLifetime: rules.maxDelegationLifetime }),
      ...(before === undefined ? {} : { before }),
      ...(direction === "created" ? { delegator: person } : {}),
      ...(direction === "received" ? { delegatee: person } : {}),
    });
    const entries = found.filter(({ record }) => record.capabilities.some(isAsked)).slice(0, left)
      .map(({ record, token }) => {
        const entry = entryOf(record, token, invocation, space);
        return `${JSON.stringify(record.cid)}:${JSON.stringify(entry)}`;
      });
    if (entries.length > 0) {
      yield separator + entries.join(",");
      separator = ",";
    }
    left -= entries.length;
    if (next === undefined) break;
    before = next;
    await turn();
  }
  yield separator === "{" ? "{}" : "}";
}

async function* chainPieces(entries: readonly unknown[]): AsyncGenerator<string> {
  yield await Promise.resolve(JSON.stringify(entries));
}

/** Leaf first, then its ancestors breadth first; those that name nothing here are left out. */
async function chainEntries(
  cid: Cid,
  invocation: Authorized,
  space: SpaceId,
  ports: Ports,
): Promise<readonly unknown[]> {
  const notFound = () => refuse(invocation, new NodeError("delegation_not_found"), ports);
  const records = await ports.repository.delegations([cid]);
  const leaf = records.get(cid);
  if (leaf === undefined || !names(leaf, space)) return await notFound();
  const { revoked } = await ports.repository.standing({ identities: identitiesOf(records) });
  const chain = breadthFirst([leaf], records);
  const now = ports.clock.nowSeconds();
  const isInForce = chain.every((each) => {
    const record = records.get(each);
    if (record === undefined) return false;
    const { from, until } = windowOf(record, ports.rules.maxDelegationLifetime);
    return from <= now && now < until;
  });
  if (revoked.size > 0 || !isInForce) return await notFound();
  const tokens = await ports.repository.delegationTokens(chain);
  return chain.flatMap((each) => {
    const record = records.get(each);
    const token = tokens.get(each);
    if (record === undefined || token === undefined || !names(record, space)) return [];
    return [entryOf(record, token, invocation, space)];
  });
}

function names({ capabilities }: Delegation, space: SpaceId): boolean {
  return capabilities.some(({ resource }) => resource.kind === "space" && resource.space === space);
}

/** The person behind a session key: the nearest wallet going up from the cited proofs, in order. */
function personOf({ claims, parents, records }: Authorized): Principal {
  for (const cid of breadthFirst(parents, records)) {
    const delegator = records.get(cid)?.delegator;
    if (delegator !== undefined && walletOf(delegator) !== undefined) return delegator;
  }
  return claims.issuer;
}

function entryOf(record: Delegation, token: string, invocation: Authorized, space: SpaceId) {
  // A token names other spaces too, so only those it concerns see the whole of it.
  const readers = [
    invocation.claims.issuer,
    ...invocation.parents.map(({ delegator }) => delegator).filter((did) =>
      walletOf(did) !== undefined
    ),
  ];
  const concerned: readonly Principal[] = [ownerOf(space), record.delegator, record.delegatee];
  return {
    capabilities: record.capabilities.flatMap(({ resource, ability }) =>
      resource.kind === "space" && resource.space === space
        ? [{ resource: resource.uri, ability }]
        : []
    ),
    delegator: record.delegator,
    delegate: record.delegatee,
    parents: record.proofs,
    ...timeMember("expiry", record.expiresAt),
    ...timeMember("not_before", record.notBefore),
    ...timeMember("issued_at", record.issuedAt),
    ...(readers.some((reader) => concerned.includes(reader)) ? { raw: token } : {}),
  };
}

/** RFC 3339 with milliseconds; nothing beyond year 9999, which the form cannot write. */
function timeMember(name: string, seconds: number | undefined): Record<string, string> {
  if (seconds === undefined) return {};
  // The nearest double to …261 ms times 1000 may lie a hair below it.
  const ms = Math.floor(seconds * 1000 + 0.001);
  if (ms < MIN_YEAR_MS || ms > MAX_YEAR_MS) return {};
  return { [name]: new Date(ms).toISOString() };
}
