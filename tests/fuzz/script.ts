// Scripts: what happens in a world, as plain choices. A number stands for "the n-th of those there
// are by then", so every script can be played and every part of it left out. Shrinking
// works on what they came to (authority.ts).

import fc from "fast-check";

export interface Script {
  readonly seed: number;
  readonly steps: readonly Step[];
}

export type Step = Host | Grant | Chain | Fill | Post | Invoke | Again | Revoke | Tick;

/** Has a space hosted, or tries to. */
export interface Host {
  readonly step: "host";
  readonly space: number;
  readonly by: "owner" | number;
  readonly audience: "its DID" | "its old DID" | "another space's DID" | "the node" | "a key";
  /** After `{space}/space`. */
  readonly tail: string;
  readonly caveats: Caveats;
  readonly exp: When;
}

/** Hands on a delegation, or what the issuer owns. */
export interface Grant {
  readonly step: "grant";
  /** The delegation, from the newest that is live; undefined: a space's owner grants. */
  readonly from: number | undefined;
  readonly isLive: boolean;
  readonly space: number;
  readonly isHosted: boolean;
  readonly to: number;
  /** A session's is what the owner has of a space's keys and delegations (clients §1.5). */
  readonly scopes: readonly Scope[] | "session";
  readonly proofs: Proofs;
  readonly issuer: "right" | number;
  readonly exp: When;
  readonly nbf: When;
  readonly fault: TokenFault;
  readonly spelling: Spelling;
}

/** Hands one delegation on from key to key, until it has so many ancestors. */
export interface Chain {
  readonly step: "chain";
  readonly from: number;
  readonly ancestors: number;
}

/** Puts values under keys that begin alike, by who may put them anywhere in a space. */
export interface Fill {
  readonly step: "fill";
  readonly from: number;
  readonly keys: readonly string[];
}

/** Posts an earlier delegation or revocation again. */
export interface Post {
  readonly step: "post";
  readonly token: number;
  readonly encoding: Encoding;
  readonly to: "where it was" | "/delegate" | "/invoke" | "/revoke";
}

export interface Invoke {
  readonly step: "invoke";
  /** The delegation, from the newest that is live; undefined: a key on its own space. */
  readonly from: number | undefined;
  readonly isLive: boolean;
  readonly isHosted: boolean;
  readonly scopes: readonly Scope[];
  readonly proofs: Proofs;
  readonly issuer: "right" | number;
  readonly audience:
    | "itself"
    | "the node"
    | "the space"
    | "the space, old"
    | "another"
    | "other key";
  readonly exp: When;
  readonly nbf: When;
  readonly nonce: "fresh" | "used" | "none";
  readonly fault: TokenFault;
}

/** Sends an earlier invocation again. */
export interface Again {
  readonly step: "again";
  readonly invocation: number;
  readonly encoding: Encoding;
}

export interface Revoke {
  readonly step: "revoke";
  readonly target: number;
  readonly by: "delegator" | "delegatee" | "owner" | "above" | "a session" | number;
  /** What a UCAN cites; those of a session are right with "its own". */
  readonly proofs: "its own" | "none" | "one" | "unknown" | "two";
  readonly form: "urn" | "space" | "other space";
  readonly spelling: Spelling;
  readonly odd:
    | "no"
    | "unknown target"
    | "no target"
    | "two capabilities"
    | "other ability"
    | "caveat"
    | "recap";
  readonly exp: When;
  readonly nbf: When;
  readonly fault: TokenFault;
}

/** Lets time pass: so many seconds, or to the edge of a window that is ahead and so far beyond. */
export interface Tick {
  readonly step: "tick";
  readonly seconds: number;
  readonly to?: { readonly delegation: number; readonly edge: "exp" | "nbf" };
}

/** How a capability is made from one that is held. */
export interface Scope {
  readonly base: number;
  readonly path: PathEdit;
  readonly ability: AbilityEdit;
  readonly tail: string;
  readonly place:
    | "same"
    | "other service"
    | "other space"
    | "other scheme"
    | "no DID"
    | "network"
    | "opaque";
  /** The case of the letters of addresses. */
  readonly letters: "EIP-55" | "lower" | "upper";
  readonly caveats: Caveats;
}

export type PathEdit =
  | { readonly kind: "within"; readonly choice: number }
  /** One that holds a value and is covered; else one within. */
  | { readonly kind: "stored"; readonly choice: number }
  | { readonly kind: "same" }
  | { readonly kind: "append"; readonly text: string }
  | { readonly kind: "replace"; readonly text: string | undefined }
  | { readonly kind: "cut" };

export type AbilityEdit =
  | { readonly kind: "all" }
  | { readonly kind: "one"; readonly choice: number }
  | { readonly kind: "set"; readonly abilities: readonly string[] };

export type Proofs =
  | { readonly kind: "right" }
  | { readonly kind: "and another"; readonly choice: number }
  | { readonly kind: "and a foreign one"; readonly choice: number }
  | { readonly kind: "another"; readonly choice: number }
  | { readonly kind: "none" | "twice" | "unknown" | "and unknown" };

/**
 * An instant: within all parents' windows, or only within the widest, so that others are dropped;
 * or so far from now, or from the edge of the narrowest.
 */
export type When =
  | { readonly at: "fit" | "widest" | "never" }
  | { readonly at: "now" | "parent"; readonly plus: number };

export type Caveats = readonly unknown[];
export type Spelling = "base32" | "base58btc" | "another codec";
export type Encoding = "same" | "Bearer" | "other";
export type TokenFault = "none" | "signature";

/** Paths that begin alike; undefined is no path. */
const PATHS = [
  "a",
  "ab",
  "a/",
  "a//b",
  "",
  "A",
  "a%20b",
  "a/b",
  "/",
  "/a",
  "b",
  "a/b/",
  "%00",
  "a:@+,;=&!$'()*~",
  undefined,
] as const;

/** Valid but not in normal form: opaque. Then no URIs at all. */
const ODD_PATHS = ["a%2fb", "%61", "a/../b", "./a", "a b", "%zz", "a\\b", "ä"] as const;
const LONG_PATHS = [`a/${"k".repeat(1022)}`, `a/${"k".repeat(1023)}`] as const;

/** What follows a path that is held, in a scope within it. */
export const WITHIN = ["", "", "/b", "", "/", "//b", "/a", "/%20"] as const;
/** Where a service is held without path. */
export const ANYWHERE = PATHS.filter((path) => path !== undefined);

export const KV = ["put", "get", "del", "list", "metadata"].map((name) => `tinycloud.kv/${name}`);

const ABILITIES = [
  ...KV,
  "tinycloud.kv/delete",
  "tinycloud.kv/*",
  "tinycloud.kv/GET",
  "tinycloud.kv/frob",
  "*/*",
  "tinycloud.capabilities/read",
  "tinycloud.space/host",
  "tinycloud.delegation/revoke",
] as const;
const NO_ABILITIES = ["kv", "a/b/c", "tinycloud.kv/gét", "/get"] as const;

/** One of these, each so many times as likely. */
function weighted<T>(...choices: readonly [weight: number, value: T][]): fc.Arbitrary<T> {
  return fc.oneof(
    ...choices.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })),
  );
}

function mostly<T>(
  usual: fc.Arbitrary<T>,
  ...others: readonly [weight: number, arbitrary: fc.Arbitrary<T>][]
): fc.Arbitrary<T> {
  const rest = others.map(([weight, arbitrary]) => ({ weight, arbitrary }));
  return fc.oneof({ weight: 100, arbitrary: usual }, ...rest);
}

const nth = fc.nat({ max: 30 });
/** Rather one of the newest. */
const recent = fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 30 }));

const caveats: fc.Arbitrary<Caveats> = weighted<Caveats>(
  [90, [{}]],
  [4, [{}, {}]],
  [2, [{ only: "mine" }]],
  [1, [{}, { only: "mine" }]],
  [1, []],
);

const anyPath = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...PATHS) },
  { weight: 2, arbitrary: fc.constantFrom(...ODD_PATHS) },
  { weight: 1, arbitrary: fc.constantFrom(...LONG_PATHS) },
);

const within = nth.map((choice): PathEdit => ({ kind: "within", choice }));
const stored = nth.map((choice): PathEdit => ({ kind: "stored", choice }));

const path: fc.Arbitrary<PathEdit> = mostly<PathEdit>(
  within,
  [20, fc.constant({ kind: "same" })],
  [6, fc.constantFrom("b", "%20b", "A", "/../b").map((text) => ({ kind: "append", text }))],
  [16, anyPath.map((text) => ({ kind: "replace", text }))],
  [4, fc.constant({ kind: "cut" })],
);

const anyAbilities = fc.oneof(
  { weight: 30, arbitrary: fc.subarray([...ABILITIES], { minLength: 1, maxLength: 4 }) },
  { weight: 1, arbitrary: fc.constantFrom(...NO_ABILITIES).map((one) => [one]) },
);

const letters = weighted<Scope["letters"]>([80, "EIP-55"], [12, "lower"], [8, "upper"]);

/** With leave, most likely: of two with many chances to go wrong each, few would come through. */
function careful(
  path: fc.Arbitrary<PathEdit>,
  ability: fc.Arbitrary<AbilityEdit>,
): fc.Arbitrary<Scope> {
  return fc.record({
    base: nth,
    path,
    ability,
    tail: fc.constant(""),
    place: fc.constant("same"),
    letters,
    caveats: fc.constant([{}]),
  });
}

function careless(ability: fc.Arbitrary<AbilityEdit>): fc.Arbitrary<Scope> {
  return fc.record({
    base: nth,
    path,
    ability,
    tail: weighted([80, ""], [5, "?x=1"], [5, "#f"], [2, "?"], [2, "#"]),
    place: weighted<Scope["place"]>(
      [85, "same"],
      [4, "other service"],
      [4, "other space"],
      [2, "other scheme"],
      [2, "no DID"],
      [3, "network"],
      [2, "opaque"],
    ),
    letters,
    caveats,
  });
}

const all = fc.constant<AbilityEdit>({ kind: "all" });
const one = nth.map((choice): AbilityEdit => ({ kind: "one", choice }));
/** A list can go wrong in more ways than the others. */
const list = fc.constant<AbilityEdit>({ kind: "set", abilities: ["tinycloud.kv/list"] });

const granted = fc.oneof(
  { weight: 3, arbitrary: careful(within, mostly<AbilityEdit>(all, [40, one])) },
  {
    weight: 1,
    arbitrary: careless(mostly<AbilityEdit>(
      all,
      [40, one],
      [30, anyAbilities.map((abilities) => ({ kind: "set", abilities }))],
    )),
  },
);

const invoked = fc.oneof(
  { weight: 3, arbitrary: careful(mostly(within, [100, stored]), mostly(one, [15, list])) },
  {
    weight: 1,
    arbitrary: careless(mostly<AbilityEdit>(
      one,
      [30, anyAbilities.map(([first = ""]) => ({ kind: "set", abilities: [first] }))],
      [4, anyAbilities.map((abilities) => ({ kind: "set", abilities }))],
    )),
  },
);

const proofs = mostly<Proofs>(
  fc.constant({ kind: "right" }),
  [24, nth.map((choice) => ({ kind: "and another", choice }))],
  [3, nth.map((choice) => ({ kind: "and a foreign one", choice }))],
  [3, nth.map((choice) => ({ kind: "another", choice }))],
  [2, fc.constant({ kind: "none" })],
  [2, fc.constant({ kind: "twice" })],
  [2, fc.constant({ kind: "unknown" })],
  [2, fc.constant({ kind: "and unknown" })],
);

function from(origin: "now" | "parent", ...plus: readonly number[]): fc.Arbitrary<When> {
  return fc.constantFrom(...plus).map((seconds) => ({ at: origin, plus: seconds }));
}

const grantExp = mostly<When>(
  fc.constant({ at: "fit" }),
  [25, from("now", 10, 30, 60, 600)],
  [15, fc.constant({ at: "widest" })],
  [30, from("parent", 60, 119.5, 120)],
  [8, from("parent", -60, -0.5)],
  [4, from("parent", 120.5, 121, 3600)],
  [4, from("now", -1, -0.5, 0, 0.5)],
  [4, fc.constant({ at: "never" })],
);
const grantNbf = mostly<When>(
  fc.constant({ at: "fit" }),
  [10, fc.constant({ at: "widest" })],
  [12, from("now", -60, -0.5)],
  [4, from("now", 0, 0.5, 30)],
  [6, from("parent", -1, -0.5, 0, 0.5)],
  [3, fc.constant({ at: "never" })],
);
const invocationExp = mostly<When>(
  fc.constant({ at: "fit" }),
  [12, from("now", 0, 0.5, 1, 299.5, 300)],
  [3, from("now", -1, -0.5, 300.5, 301)],
);
const invocationNbf = mostly<When>(
  fc.constant({ at: "never" }),
  [6, from("now", 0, -1)],
  [2, from("now", 0.5, 10)],
);
const fault = weighted<TokenFault>([60, "none"], [1, "signature"]);
const spelling = weighted<Spelling>([8, "base32"], [1, "base58btc"], [1, "another codec"]);
const encoding = weighted<Encoding>([5, "same"], [1, "Bearer"], [5, "other"]);
const issuer = mostly<"right" | number>(fc.constant("right"), [4, nth]);

const host: fc.Arbitrary<Host> = fc.record({
  step: fc.constant("host"),
  space: nth,
  by: mostly<"owner" | number>(fc.constant("owner"), [8, nth]),
  audience: weighted<Host["audience"]>(
    [60, "its DID"],
    [10, "its old DID"],
    [4, "another space's DID"],
    [2, "the node"],
    [2, "a key"],
  ),
  tail: weighted([60, ""], [2, "/"], [2, "/a"], [2, "?x"], [2, "#f"], [1, "?"]),
  caveats,
  exp: mostly<When>(fc.constant({ at: "never" }), [20, from("now", 60, 600)], [4, from("now", -1)]),
});

const grant: fc.Arbitrary<Grant> = fc.record({
  step: fc.constant("grant"),
  from: fc.option(recent, { freq: 6, nil: undefined }),
  isLive: weighted([8, true], [1, false]),
  space: nth,
  isHosted: weighted([12, true], [1, false]),
  to: nth,
  scopes: fc.oneof(
    { weight: 60, arbitrary: fc.array(granted, { minLength: 1, maxLength: 3 }) },
    { weight: 1, arbitrary: fc.constant([]) },
  ),
  proofs,
  issuer,
  exp: grantExp,
  nbf: grantNbf,
  fault,
  spelling,
});

function chain(min: number, max: number): fc.Arbitrary<Chain> {
  return fc.record({
    step: fc.constant("chain"),
    from: recent,
    ancestors: fc.integer({ min, max }),
  });
}

const fill: fc.Arbitrary<Fill> = fc.record({
  step: fc.constant("fill"),
  from: recent,
  keys: fc.subarray([...ANYWHERE], { minLength: 2, maxLength: 6 }),
});

const post: fc.Arbitrary<Post> = fc.record({
  step: fc.constant("post"),
  token: recent,
  encoding,
  to: weighted<Post["to"]>([20, "where it was"], [1, "/delegate"], [1, "/invoke"], [1, "/revoke"]),
});

const invoke: fc.Arbitrary<Invoke> = fc.record({
  step: fc.constant("invoke"),
  from: fc.option(recent, { freq: 12, nil: undefined }),
  isLive: weighted([6, true], [1, false]),
  isHosted: weighted([8, true], [1, false]),
  scopes: fc.oneof(
    { weight: 50, arbitrary: invoked.map((scope) => [scope]) },
    { weight: 1, arbitrary: fc.array(invoked, { minLength: 2, maxLength: 3 }) },
    { weight: 1, arbitrary: fc.constant([]) },
  ),
  proofs,
  issuer,
  audience: weighted<Invoke["audience"]>(
    [80, "itself"],
    [8, "the node"],
    [8, "the space"],
    [1, "the space, old"],
    [1, "another"],
    [1, "other key"],
  ),
  exp: invocationExp,
  nbf: invocationNbf,
  nonce: weighted<Invoke["nonce"]>([30, "fresh"], [1, "used"], [2, "none"]),
  fault,
});

const again: fc.Arbitrary<Again> = fc.record({
  step: fc.constant("again"),
  invocation: recent,
  encoding,
});

const revoke: fc.Arbitrary<Revoke> = fc.record({
  step: fc.constant("revoke"),
  target: nth,
  by: mostly<Revoke["by"]>(
    fc.constantFrom("delegator", "delegatee", "owner", "above", "a session"),
    [60, nth],
  ),
  proofs: weighted<Revoke["proofs"]>(
    [30, "its own"],
    [12, "none"],
    [8, "one"],
    [3, "unknown"],
    [1, "two"],
  ),
  form: weighted<Revoke["form"]>([10, "urn"], [5, "space"], [1, "other space"]),
  spelling,
  odd: weighted<Revoke["odd"]>(
    [60, "no"],
    [2, "unknown target"],
    [2, "no target"],
    [2, "two capabilities"],
    [2, "other ability"],
    [1, "caveat"],
    [2, "recap"],
  ),
  exp: mostly<When>(fc.constant({ at: "fit" }), [6, from("now", 0, 3600)], [5, from("now", -0.5)]),
  nbf: mostly<When>(fc.constant({ at: "never" }), [3, from("now", -1, 0)], [3, from("now", 0.5)]),
  fault: weighted<TokenFault>([30, "none"], [1, "signature"]),
});

const tick: fc.Arbitrary<Tick> = fc.oneof(
  fc.record({
    step: fc.constant("tick" as const),
    seconds: fc.constantFrom(0.5, 1, 9.5, 10, 30, 60, 120, 300.5),
  }),
  fc.record({
    step: fc.constant("tick" as const),
    seconds: fc.constantFrom(-0.5, 0, 0.5, 30, 119.5),
    to: fc.record({
      delegation: recent,
      edge: weighted<"exp" | "nbf">([3, "exp"], [1, "nbf"]),
    }),
  }),
);

const later: fc.Arbitrary<Step> = fc.oneof(
  { weight: 63, arbitrary: invoke },
  { weight: 18, arbitrary: grant },
  { weight: 3, arbitrary: again },
  { weight: 5, arbitrary: revoke },
  { weight: 6, arbitrary: post },
  { weight: 4, arbitrary: tick },
  { weight: 1, arbitrary: host },
);

/** A session by the owner of a space, with nothing amiss. */
function session(to: number): fc.Arbitrary<Grant> {
  return grant.map((one) => ({
    ...one,
    from: undefined,
    isHosted: true,
    to,
    scopes: "session",
    proofs: { kind: "right" },
    issuer: "right",
    exp: { at: "fit" },
    nbf: { at: "fit" },
    fault: "none",
    spelling: "base32",
  }));
}

/**
 * As long a chain as may be, or longer, from one Ed25519 key to the other; then both have another
 * delegation, and the chain is invoked alone or with that.
 */
const longChain: fc.Arbitrary<Step[]> = fc.tuple(
  chain(61, 65),
  session(0),
  session(3),
  fc.array(
    fc.tuple(invoke, fc.constantFrom<Proofs>({ kind: "right" }, { kind: "and another", choice: 0 }))
      .map(([one, cited]): Invoke => ({ ...one, from: 2, proofs: cited })),
    { minLength: 4, maxLength: 12 },
  ),
).map(([links, one, other, invocations]) => [links, one, other, ...invocations]);

/**
 * First spaces and grants, so that there is something to use; then anything. Without fast-check's
 * bias towards small values, which would undo the weights.
 */
export const script: fc.Arbitrary<Script> = fc.noBias(
  fc.record({
    seed: fc.nat(),
    hosts: fc.array(host, { minLength: 1, maxLength: 5 }),
    grants: fc.array(
      fc.oneof(
        session(0),
        grant.map((one): Grant => ({ ...one, from: undefined, scopes: "session" })),
        grant.map((one): Grant => ({ ...one, from: undefined })),
      ),
      { minLength: 1, maxLength: 4 },
    ),
    chains: fc.oneof(
      { weight: 30, arbitrary: fc.constant([]) },
      { weight: 30, arbitrary: chain(2, 5).map((one) => [one]) },
      // It costs as much as a whole script.
      { weight: 2, arbitrary: longChain },
    ),
    fills: fc.array(fill, { maxLength: 2 }),
    rest: fc.array(later, { maxLength: 100, size: "max" }),
  }).map(({ seed, hosts, grants, chains, fills, rest }) => ({
    seed,
    steps: [...hosts, ...grants, ...chains, ...fills, ...rest],
  })),
);
