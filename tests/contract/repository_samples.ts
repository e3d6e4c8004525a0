// Builders for the repository contract: each shows only what matters to its case. What they sign is
// no signature, but tokens hash to their CIDs, so a store made of them passes `check`.

import assert from "node:assert/strict";
import { blake3Hex } from "../../src/blake3.ts";
import { parseAbility } from "../../src/capabilities/ability.ts";
import type { Delegation } from "../../src/capabilities/delegation.ts";
import { parseResource } from "../../src/capabilities/resource.ts";
import { ownerOf, parseSpaceId, type SpaceId } from "../../src/capabilities/space_id.ts";
import type {
  Change,
  NewDelegation,
  NewRevocation,
  Put,
  Read,
  Repository,
  SpaceFacts,
  UseGuard,
} from "../../src/repository/repository.ts";
import { type Cid, cidOf, type Identity } from "../../src/tokens/cid.ts";
import { type Principal, principalOf } from "../../src/tokens/did.ts";

/** The clock's instant at the start of a case. */
export const NOW = 1_700_000_000.25;

export const ALICE = aWallet("a1");
export const BOB = aWallet("b0");
export const CAROL = aWallet("ca");

export const SPACE = aSpace("one");
export const OTHER_SPACE = aSpace("two");
export const BOBS_SPACE = aSpace("bobs", BOB);

let counter = 0;
/** A number that no other call in this run has got. */
export function fresh(): number {
  return ++counter;
}

export function aWallet(hexByte: string): Principal {
  return principalOf(`did:pkh:eip155:1:0x${hexByte.repeat(20)}`);
}

export function aSpace(name: string, owner: Principal = ALICE): SpaceId {
  const parsed = parseSpaceId(`tinycloud:${owner.slice("did:".length)}:${name}`);
  assert.ok(parsed);
  return parsed.space;
}

export function aToken(label: string | number = fresh()): string {
  return `header.${label}.signature`;
}

/** A token that says so much: which proofs it rests on. */
export function aCitingToken(...proofs: readonly Cid[]): string {
  const payload = JSON.stringify({ nnc: `${fresh()}`, prf: proofs });
  const options = { alphabet: "base64url", omitPadding: true } as const;
  return `e30.${new TextEncoder().encode(payload).toBase64(options)}.signature`;
}

export function cidOfToken(token: string): Cid {
  return cidOf(new TextEncoder().encode(token));
}

export function anIdentity(label: string | number = fresh()): Identity {
  // The store takes any text as one; only the token layer computes real ones.
  return `ucan:${hashOf(`identity ${label}`)}` as Identity;
}

export function hashOf(text: string): string {
  return blake3Hex(new TextEncoder().encode(text));
}

export function aGuard(fields: Partial<UseGuard> = {}): UseGuard {
  return { key: hashOf(`guard ${fresh()}`), expiresAt: NOW + 360, ...fields };
}

export function aRecord(fields: Partial<Delegation> = {}, token = aToken()): Delegation {
  return {
    cid: cidOfToken(token),
    identity: anIdentity(token),
    kind: "ucan",
    delegator: ALICE,
    delegatee: BOB,
    capabilities: [aCapability(`${SPACE}/kv/notes`, "tinycloud.kv/get")],
    proofs: [],
    parents: [],
    ancestors: [],
    issuedAt: NOW - 1,
    expiresAt: NOW + 3_600,
    acceptedAt: NOW,
    host: false,
    ...fields,
  };
}

export function aCapability(
  uri: string,
  ability: string,
  caveated = false,
): Delegation["capabilities"][number] {
  return { resource: parseResource(uri), ability: parseAbility(ability), caveated };
}

/** A record below others; what they need not say themselves is taken from them. */
export function aChild(
  parents: readonly Delegation[],
  fields: Partial<Delegation> = {},
): NewDelegation {
  const ancestors = [...new Set(parents.map(({ cid }) => cid))];
  for (const parent of parents) {
    for (const cid of parent.ancestors) if (!ancestors.includes(cid)) ancestors.push(cid);
  }
  const cids = parents.map(({ cid }) => cid);
  return aDelegation({ record: { proofs: cids, parents: cids, ancestors, ...fields } });
}

export function aDelegation(
  fields: Partial<Omit<NewDelegation, "record">> & {
    readonly record?: Partial<Delegation>;
  } = {},
): NewDelegation {
  const token = fields.token ?? aToken();
  const spaces = fields.spaces ?? [SPACE];
  const record = aRecord(fields.record, token);
  return {
    unrevoked: [],
    urnOwners: [],
    hosts: [],
    scopes: spaces.map((space) => ({ scope: space, owned: ownerOf(space) === record.delegator })),
    bounds: {
      scopeDelegations: 10_000,
      delegatorDelegations: 1_000,
      spacesPerOwner: 32,
      spaces: 100_000,
    },
    now: NOW,
    ...fields,
    token,
    spaces,
    record,
  };
}

export function aHosting(space: SpaceId): NewDelegation {
  return aDelegation({
    spaces: [space],
    hosts: [{ space, owner: ownerOf(space) }],
    record: { host: true, delegator: ownerOf(space) },
  });
}

export function aRevocation(of: Delegation, fields: Partial<NewRevocation> = {}): NewRevocation {
  const token = fields.token ?? aToken();
  return {
    cid: cidOfToken(token),
    token,
    target: of.cid,
    identity: of.identity,
    revoker: ALICE,
    at: NOW,
    ...fields,
  };
}

export function aChange(fields: Partial<Change> = {}): Change {
  const token = aToken();
  return {
    use: aGuard(),
    unrevoked: [],
    space: SPACE,
    key: "notes/1",
    event: { cid: cidOfToken(token), token, at: NOW },
    effect: inline("a value"),
    limits: {},
    ...fields,
  };
}

export function aRead(fields: Partial<Read> = {}): Read {
  return { use: aGuard(), unrevoked: [], ...fields };
}

/** A small value, kept beside its metadata. */
export function inline(value: string, headers: Put["headers"] = []): Put {
  const bytes = new TextEncoder().encode(value);
  return {
    kind: "put",
    hash: blake3Hex(bytes),
    size: bytes.length,
    headers,
    content: { kind: "inline", bytes },
  };
}

/** A value that is a block. */
export function block(label: string, size = 100_000, over?: number): Put {
  return {
    kind: "put",
    hash: hashOf(label),
    size,
    headers: [],
    content: { kind: "block", ...(over === undefined ? {} : { over }) },
  };
}

export const DEL = { kind: "del" } as const;

/** Hosts the spaces, beyond which nothing is stored that a case would notice. */
export async function host(repository: Repository, ...spaces: SpaceId[]): Promise<void> {
  for (const space of spaces) {
    const { kind } = await repository.acceptDelegation(aHosting(space));
    assert.equal(kind, "accepted");
  }
}

export async function accept(
  repository: Repository,
  ...delegations: readonly NewDelegation[]
): Promise<void> {
  for (const delegation of delegations) {
    assert.equal((await repository.acceptDelegation(delegation)).kind, "accepted");
  }
}

export async function apply(repository: Repository, fields: Partial<Change>): Promise<void> {
  assert.equal((await repository.applyInvocation(aChange(fields))).kind, "applied");
}

export async function usedBy(repository: Repository, space: SpaceId): Promise<number> {
  const { usage } = await repository.standing({ identities: [], space });
  assert.ok(usage);
  return usage.used;
}

/** Of a space that is hosted. */
export async function factsOf(repository: Repository, space = SPACE): Promise<SpaceFacts> {
  const facts = await repository.spaceFacts(space);
  assert.ok(facts);
  return facts;
}

/** What `check` has to say. */
export async function findingsIn(repository: Repository): Promise<readonly string[]> {
  return (await Array.fromAsync(repository.check())).map(({ kind, what }) => `${kind}: ${what}`);
}

/** A window that holds the whole log: its numbers may go on where another test has ended. */
export const WHOLE_LOG = 1_000_000_000;

/** The number of the event by which the space was hosted. */
export async function firstEvent(repository: Repository, space = SPACE): Promise<number> {
  const { next } = await repository.keptDelegations(space, 0, 1);
  assert.ok(next);
  return next;
}
