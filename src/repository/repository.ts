// The port to the metadata store, in the domain's verbs. Every method is atomic in itself and no
// transaction crosses the port: what must be decided inside the commit is handed over as data
// (`Guards`), and the answer says which guard refused (architecture.md, "The repository port").
//
// Promises of every back-end, each a case of `repositoryContract`:
// - A method that resolves to `applied`, `accepted` or `revoked` is durable as `storage.durability` says.
// - A method that throws, or answers anything else, has changed nothing (and used no guard).
// - Concurrent calls end as one after the other would.
// - It throws NodeError `storage_full`, `storage_readonly` or `storage_unavailable`, nothing else.
// - Keys are compared and ordered as bytes. Sizes are exact to 2^53 - 1.
// - Times are Unix seconds with fractions, and survive unchanged, up to 1.7e308.

import type { Delegation } from "../capabilities/delegation.ts";
import type { SpaceId } from "../capabilities/space_id.ts";
import type { Cid, Identity } from "../tokens/cid.ts";
import type { Principal } from "../tokens/did.ts";
import type { Field, TableName, TableRow } from "./tables.ts";

/** BLAKE3 of a value, 64 lower-case hex digits. */
export type ContentHash = string;

/** Names a token as used up (wire §6, replay): 64 hex digits, kept until `expiresAt`. */
export interface UseGuard {
  readonly key: string;
  readonly expiresAt: number;
}

/** What is judged inside the commit, in this order. */
export interface Guards {
  /** Refused with `duplicate` when it is used up already; used up by the same commit. */
  readonly use?: UseGuard;
  /** Refused with `revoked` when one of these is. */
  readonly unrevoked: readonly Identity[];
  /** Refused with `expired` at or after this instant, the end of the chain's windows. */
  readonly validUntil?: number;
}

export type GuardRefusal =
  | { readonly kind: "duplicate" }
  | { readonly kind: "revoked"; readonly identities: readonly Identity[] }
  | { readonly kind: "expired" };

export type StoredHeader = readonly [name: string, value: string];

/** The current value of a key. */
export interface Entry {
  readonly hash: ContentHash;
  readonly size: number;
  /** In the order they were sent, names in lower case. */
  readonly headers: readonly StoredHeader[];
  /** The bytes of a small value; absent: they are a block. */
  readonly inline?: Uint8Array;
}

/** Bytes: of a space, of one key in it (value, key and stored headers), and of all spaces. */
export interface Usage {
  readonly used: number;
  readonly held: number;
  /** Where it was asked for. */
  readonly total?: number;
  /** The space's own limit, which replaces the node's; 0: none. */
  readonly limit?: number;
  /** Nobody may use it: the operator has blocked it, or it is being loaded or erased. */
  readonly isClosed: boolean;
  /** Tells one hosting of a space from another, before which it was erased. */
  readonly hosting: number;
}

export interface Standing {
  readonly used: boolean;
  readonly revoked: ReadonlySet<Identity>;
  /** Absent when the space is not hosted, or none was asked for. */
  readonly usage?: Usage;
}

export type ReadOutcome =
  | { readonly kind: "admitted"; readonly entry?: Entry }
  | GuardRefusal
  | { readonly kind: "noSpace" }
  | { readonly kind: "closed" }
  | { readonly kind: "noKey" };

export interface Read extends Guards {
  readonly use: UseGuard;
  readonly space?: SpaceId;
  /** Asked for: the entry comes back, or `noKey` and no guard is used. */
  readonly key?: string;
}

/** A change to one key by one signed invocation. */
export interface Change extends Guards {
  readonly use: UseGuard;
  readonly space: SpaceId;
  readonly key: string;
  /** The invocation itself, for the event log. */
  readonly event: { readonly cid: Cid; readonly token: string; readonly at: number };
  readonly effect: Put | { readonly kind: "del" };
  readonly precondition?: { readonly kind: "absent" } | {
    readonly kind: "matches";
    readonly hash: ContentHash;
  };
  /**
   * Bytes a space without a limit of its own, and all spaces together, may hold; absent: no limit. A
   * change that grows nothing passes.
   */
  readonly limits: { readonly space?: number; readonly total?: number };
}

export interface Put {
  readonly kind: "put";
  readonly hash: ContentHash;
  readonly size: number;
  readonly headers: readonly StoredHeader[];
  /** The value itself, or how its block stands. */
  readonly content: { readonly kind: "inline"; readonly bytes: Uint8Array } | {
    readonly kind: "block";
    /** `Usage.hosting` when it was written: no space, in any other. Absent: in whichever. */
    readonly hosting?: number;
    /** The grave over which this block was written anew (see `ApplyOutcome.condemned`). */
    readonly over?: number;
  };
}

export type ApplyOutcome =
  | { readonly kind: "applied"; readonly previous?: ContentHash }
  | GuardRefusal
  | { readonly kind: "noSpace" }
  | { readonly kind: "closed" }
  | { readonly kind: "noKey" }
  | { readonly kind: "preconditionFailed" }
  /** `full`: the limit was reached before this change. */
  | {
    readonly kind: "overLimit";
    readonly used: number;
    readonly limit: number;
    readonly full: boolean;
  }
  /**
   * The collector took this block after `put` wrote it, so it may be gone. Once `buried`, write it
   * again and repeat the change with `over: grave`; before that, wait and repeat.
   */
  | { readonly kind: "condemned"; readonly grave: number; readonly buried: boolean };

export interface NewDelegation extends Guards {
  readonly record: Delegation;
  /** The token in header form: padded base64url of a CACAO, or the JWT. */
  readonly token: string;
  /** Named spaces, canonical, in order of first mention. */
  readonly spaces: readonly SpaceId[];
  /** Owners of the encryption URNs it names. */
  readonly urnOwners: readonly Principal[];
  /** Spaces that it hosts: created if absent. */
  readonly hosts: readonly { readonly space: SpaceId; readonly owner: Principal }[];
  /**
   * Where its keeping is counted: each named space and, for encryption URNs, their owner's DID;
   * `owned` when the delegator is the owner.
   */
  readonly scopes: readonly { readonly scope: string; readonly owned: boolean }[];
  readonly bounds: {
    readonly scopeDelegations: number;
    readonly delegatorDelegations: number;
    readonly spacesPerOwner: number;
    readonly spaces: number;
  };
  /** The instant against which unexpired delegations are counted. */
  readonly now: number;
}

export type AcceptOutcome =
  | {
    readonly kind: "accepted";
    readonly activated: readonly SpaceId[];
    readonly skipped: readonly SpaceId[];
  }
  | GuardRefusal
  /** It names spaces and none is hosted; or only URNs, and no owner of one hosts a space here. */
  | { readonly kind: "noSpace" }
  /** It names spaces, and those that are hosted are blocked or being erased. */
  | { readonly kind: "closed" }
  /** It would host more spaces than an owner or the node may. */
  | { readonly kind: "notAdmitted" }
  | { readonly kind: "tooMany" };

export interface NewRevocation {
  readonly cid: Cid;
  readonly token: string;
  readonly target: Cid;
  readonly identity: Identity;
  readonly revoker: Principal;
  readonly at: number;
}

export interface DelegationQuery {
  readonly space: SpaceId;
  readonly delegator?: Principal;
  readonly delegatee?: Principal;
  /** Only those whose window holds then, as do those of all their ancestors (wire §4). */
  readonly inForceAt?: number;
  /** `auth.max_delegation_lifetime`: also bounds the windows of all but host delegations. */
  readonly maxLifetime?: number;
  /** Continue below this position, the last page's `next`. */
  readonly before?: number;
  /** Bounds what is looked at, not only what is found: a space may hold many that were revoked. */
  readonly limit: number;
}

/** Newest first. */
export interface DelegationPage {
  readonly found: readonly FoundDelegation[];
  /** Where to continue; absent when all have been looked at. */
  readonly next?: number;
}

/** A delegation with a capability in the asked space; neither it nor an ancestor is revoked. */
export interface FoundDelegation {
  readonly record: Delegation;
  readonly token: string;
}

/** A block that no key refers to any more, taken by the collector. */
export interface CondemnedBlock {
  readonly space: SpaceId;
  readonly hash: ContentHash;
  readonly grave: number;
}

/** What a bounded step over stored rows came to. */
export interface Step<T> {
  readonly found: T;
  /** Where to go on; absent at the end. */
  readonly next?: number;
}

/** What a step over the small values of a space came to. */
export interface InlineStep {
  /** Small values verified, and their bytes. */
  readonly values: number;
  readonly bytes: number;
  readonly damaged: readonly { readonly key: string; readonly hash: ContentHash }[];
  /** The key after which to go on; absent at the end. */
  readonly next?: string;
}

/**
 * - `blocked`: by the operator
 * - `loading`: an import into it is under way, or was cut off
 * - `erasing`: what it holds is being removed, or that was cut off
 */
export type SpaceState = "open" | "blocked" | "loading" | "erasing";

/** A space as an operator sees it. */
export interface SpaceFacts {
  readonly id: SpaceId;
  readonly owner: Principal;
  readonly createdAt: number;
  readonly keys: number;
  readonly usedBytes: number;
  /** Its own limit, 0 for none; absent: the node's. */
  readonly limitBytes?: number;
  readonly state: SpaceState;
  /** The last put or deletion. */
  readonly changedAt?: number;
  /** Grows with every change in it, and perhaps with others. */
  readonly changes: number;
  /** Stored ones that name it, in force or not. */
  readonly delegations: number;
}

export interface SignedEvent {
  readonly cid: string;
  /** In header form. */
  readonly token: string;
  /** When it was accepted, Unix seconds. */
  readonly at: number;
}

/** A key's current value, and the put that made it. */
export interface HeldKey extends Entry {
  readonly key: string;
  readonly event: SignedEvent;
}

/** A put or deletion that a later one of the same key has followed, or that left nothing. */
export type ReplacedEvent =
  & SignedEvent
  & { readonly key: string }
  & (
    | { readonly kind: "put"; readonly hash: ContentHash; readonly size: number }
    | { readonly kind: "del" }
  );

/** A stored delegation, with what revoked it, if it was. */
export interface KeptDelegation {
  readonly token: string;
  readonly at: number;
  readonly revocation?: { readonly token: string; readonly at: number };
}

export interface Finding {
  readonly kind: "engine" | "block" | "references" | "size" | "event" | "entry" | "stray";
  readonly what: string;
}

export interface Workload {
  readonly running: number;
  readonly waiting: number;
}

/** How a load into a store begins. */
export type LoadStart =
  /** The store was empty. */
  | { readonly kind: "begun" }
  /** A load under this mark was cut off, or is under way; nothing was changed. */
  | { readonly kind: "resumed"; readonly mark: string }
  | { readonly kind: "used" };

export interface Repository extends AsyncDisposable {
  // Delegations.
  /** The asked records and all their ancestors; what is not stored is absent. At most two queries. */
  delegations(cids: readonly Cid[]): Promise<ReadonlyMap<Cid, Delegation>>;
  /** The tokens of stored delegations, in header form. */
  delegationTokens(cids: readonly Cid[]): Promise<ReadonlyMap<Cid, string>>;
  /** Newest accepted first. */
  delegationsIn(query: DelegationQuery): Promise<DelegationPage>;
  /** Stores it once; posted again, judges it afresh and answers the same way. */
  acceptDelegation(delegation: NewDelegation): Promise<AcceptOutcome>;
  /** After it resolves no change or read below the identity is admitted. Repeating changes nothing. */
  revoke(revocation: NewRevocation): Promise<void>;

  // Spaces.
  hosted(spaces: readonly SpaceId[]): Promise<ReadonlySet<SpaceId>>;
  /** How many spaces are hosted; with an owner, how many are that owner's. */
  spaceCount(owner?: Principal): Promise<number>;
  /** Bytes that all spaces hold; some stores have to add them up. */
  usedBytes(): Promise<number>;

  // Invocations.
  /** Looks without touching: is the guard used, which identities are revoked, how full is the space. */
  standing(
    ask: {
      readonly use?: string;
      readonly identities: readonly Identity[];
      readonly space?: SpaceId;
      readonly key?: string;
      /** Says also what all spaces hold, which some stores have to add up. */
      readonly withTotal?: boolean;
    },
  ): Promise<Standing>;
  /** Judges the guards and uses up the token, without waiting for the disk. */
  admitRead(read: Read): Promise<ReadOutcome>;
  /** Gives back the guard of a read that could not be answered. */
  releaseRead(use: UseGuard): Promise<void>;
  applyInvocation(change: Change): Promise<ApplyOutcome>;
  find(space: SpaceId, key: string): Promise<Entry | undefined>;
  /** Keys with this byte prefix, after `after`, in byte order. */
  list(space: SpaceId, prefix: string, after: string | undefined, limit: number): Promise<
    readonly string[]
  >;

  // Housekeeping; each call is one bounded step and says how much it did.
  /** Forgets guards that expired at or before `now`. */
  sweepUses(now: number, limit: number): Promise<number>;
  /** Marks blocks that no key refers to; a put of the same content from now on is told `condemned`. */
  condemnBlocks(limit: number): Promise<readonly CondemnedBlock[]>;
  /** Marks a block of unknown standing, if no key refers to it. */
  condemnStray(space: SpaceId, hash: ContentHash): Promise<CondemnedBlock | undefined>;
  /** Condemned blocks whose deletion was never reported, as after a crash. */
  unburied(limit: number): Promise<readonly CondemnedBlock[]>;
  /** Reports a condemned block as deleted at `now`. */
  buryBlock(block: CondemnedBlock, now: number): Promise<void>;
  /** Forgets graves older than `before`; no put may run that long. */
  forgetGraves(before: number, limit: number): Promise<number>;
  /** Takes or renews a named lease; false while another holder has it. */
  takeLease(name: string, holder: string, now: number, until: number): Promise<boolean>;
  releaseLease(name: string, holder: string): Promise<void>;

  // Retention (configuration.md, `retention.events`). A step looks at the next `limit` rows after a
  // position, from 0 on; what it removes is gone for good.
  /** When the newest put or deletion was accepted, if there is one among the newest events. */
  lastChange(): Promise<number | undefined>;
  /**
   * Removes the puts and deletions accepted before `before` that a later one of the same key has
   * replaced; how many.
   */
  forgetReplaced(before: number, after: number, limit: number): Promise<Step<number>>;
  /** Delegations that expired before `before`, host no space, and were not revoked. */
  expiredDelegations(before: number, after: number, limit: number): Promise<Step<readonly Cid[]>>;
  /** What stored tokens cite: a delegation's proofs and ancestors, another token's proofs. */
  citations(after: number, limit: number): Promise<Step<readonly Cid[]>>;
  /**
   * Removes those that `expiredDelegations` would still name; how many. The caller has seen that
   * nothing cites them, and nothing new can rest on what has expired.
   */
  forgetDelegations(cids: readonly Cid[], before: number): Promise<number>;

  // The whole store.
  /** The value of a node-wide setting, such as the fingerprint of the secret. */
  setting(name: string): Promise<string | undefined>;
  setSetting(name: string, value: string): Promise<void>;
  /** Throws when the store does not answer, or takes no writes. */
  ping(): Promise<void>;
  /** Work that runs now, and that waits for its turn or a connection. */
  workload(): Workload;
  /** Every space hosted, in order of id, after `after`. */
  spaces(after: SpaceId | undefined, limit: number): Promise<readonly SpaceId[]>;
  /** Live blocks of a space by hash, after `after`; with what keys say of their size. */
  blocksOf(space: SpaceId, after: ContentHash | undefined, limit: number): Promise<
    readonly { readonly hash: ContentHash; readonly size: number }[]
  >;
  /**
   * Verifies the small values among the next `limit` keys of a space after `after`, fewer when they
   * come to more than a mebibyte.
   */
  verifyInline(space: SpaceId, after: string | undefined, limit: number): Promise<InlineStep>;
  /** Verifies the store itself: engine, references, sizes, events, entries (configuration.md, check). */
  check(): AsyncIterable<Finding>;
  /** Recomputes reference counts and sizes from the entries; returns how many were wrong. */
  repairCounters(): Promise<number>;

  // One space, for its operator.
  spaceFacts(space: SpaceId): Promise<SpaceFacts | undefined>;
  /** The space's own limit, 0 for none; undefined: the node's. False when it is not hosted. */
  setSpaceLimit(space: SpaceId, bytes: number | undefined): Promise<boolean>;
  /** False, and nothing is changed, unless it is hosted and in the state `from`. */
  setSpaceState(space: SpaceId, from: SpaceState, to: SpaceState): Promise<boolean>;
  /** Keys after `after`, in byte order; fewer when their small values are long. None: no more. */
  heldKeys(space: SpaceId, after: string | undefined, limit: number): Promise<readonly HeldKey[]>;
  /** A step looks at the next `limit` numbers of the whole log after a position, from 0 on. */
  replacedEvents(
    space: SpaceId,
    after: number,
    limit: number,
  ): Promise<Step<readonly ReplacedEvent[]>>;
  /** Those that name the space, each after those that it rests on. */
  keptDelegations(
    space: SpaceId,
    after: number,
    limit: number,
  ): Promise<Step<readonly KeptDelegation[]>>;
  /** Hosts a space in the state `loading`; false when it is hosted already. */
  createToLoad(space: SpaceId, owner: Principal, createdAt: number): Promise<boolean>;
  /**
   * Records the events and makes the keys, in this order, in a space that is `loading`; else false,
   * and nothing is changed. No key may be there already. The blocks of the keys must be in place.
   */
  loadSpace(
    space: SpaceId,
    events: readonly ReplacedEvent[],
    keys: readonly HeldKey[],
  ): Promise<boolean>;
  // Erasing, in this order, a space in the state `erasing`; one in another state loses nothing.
  /** Removes so many keys with their values; how many. */
  eraseKeys(space: SpaceId, limit: number): Promise<number>;
  /** Removes its puts and deletions, in steps as `replacedEvents` takes them; how many. */
  eraseEvents(space: SpaceId, after: number, limit: number): Promise<Step<number>>;
  /**
   * Removes the delegations that name nothing else and that no other delegation rests on; how many.
   * Revocations stay, so that what was revoked stays so if the space is hosted again.
   */
  eraseDelegations(space: SpaceId, after: number, limit: number): Promise<Step<number>>;
  /** Removes the graves of its blocks and the space itself; false while keys or other blocks are left. */
  eraseSpace(space: SpaceId): Promise<boolean>;

  // One store into another (tables.ts). From the beginning of a load to its end nobody else may open
  // the store; the mark that it has meanwhile says whose load it is.
  /**
   * At most so many rows that follow a key, in the order of keys; fewer when they are long. None:
   * there are no more.
   */
  rows(
    table: TableName,
    after: readonly Field[] | undefined,
    limit: number,
  ): Promise<readonly TableRow[]>;
  /** The key of a table's last row. */
  lastKey(table: TableName): Promise<readonly Field[] | undefined>;
  /** Marks a store that holds nothing but perhaps the fingerprint of a secret. */
  beginLoad(mark: string): Promise<LoadStart>;
  // As long as the store has this mark; else they change nothing and answer false.
  /** Adds rows; those whose keys are there already stay as they are. */
  load(mark: string, table: TableName, rows: readonly TableRow[]): Promise<boolean>;
  /** Empties the store, and gives it another mark. */
  restartLoad(mark: string, next: string): Promise<boolean>;
  /** Derives the rest, and takes the mark away. Repeating changes nothing. */
  finishLoad(mark: string): Promise<boolean>;
}
