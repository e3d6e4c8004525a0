// The only data that a line can carry (invariant 8). `Fields` is the allow-list that the compiler
// checks, `RULES` the one that runs: a name that is not here, and a value without the shape its
// name promises, is dropped. So a token, a header or a value has no way into a line, and what a
// caller chose (keys, resources) appears at level `debug` only.

import type { ErrorCode } from "../errors.ts";
import { describeCause } from "./causes.ts";
import { knownAbility, knownMethod, knownRoute } from "./labels.ts";
import { maskSecrets } from "./mask.ts";

export interface Fields {
  readonly method?: string;
  /** The request's path; logged as its route, without what the caller may choose in it. */
  readonly route?: string;
  readonly status?: number;
  /** Milliseconds it took. */
  readonly ms?: number;
  /** Bytes of the value received, sent or removed. */
  readonly bytes?: number;
  readonly code?: ErrorCode;
  /** Logged if the node knows it, else as `other`. */
  readonly ability?: string;
  /** A count whose meaning the event tells. */
  readonly count?: number;
  readonly attempt?: number;
  /** 32 hex digits. */
  readonly trace?: string;
  readonly space?: string;
  /** Who asked too much: an IPv4 address, an IPv6 /64, or `unknown`. */
  readonly client?: string;
  /** BLAKE3 of a space id, 64 hex digits, where only that is known. */
  readonly spaceHash?: string;
  /** A delegation, as its canonical CID. */
  readonly cid?: string;
  /** BLAKE3 of a stored value, 64 hex digits. */
  readonly block?: string;
  /** Where a listener listens, `address:port`. */
  readonly address?: string;
  readonly version?: string;
  readonly nodeId?: string;
  /** Kinds of the stores, such as `sqlite` and `local`. */
  readonly database?: string;
  readonly blocks?: string;
  /** A file of the operator's. */
  readonly path?: string;
  /** A sentence of our own; never text that a caller sent. */
  readonly note?: string;
  /** What was thrown: class, code, message and stack, see causes.ts. */
  readonly cause?: unknown;

  // At level `debug` only.
  readonly did?: string;
  readonly resource?: string;
  readonly key?: string;
  /** Why a request was refused: every path that was tried, and where it broke. */
  readonly detail?: () => readonly string[];
}

/** A field as it is written: name and value, in the order of the allow-list. */
export type Field = readonly [name: keyof Fields, value: string | number];

type Rule = (value: unknown, verbose: boolean) => string | number | undefined;

const number: Rule = (value) =>
  typeof value === "number" && Number.isFinite(value) ? Math.round(value * 1000) / 1000 : undefined;

const shaped = (shape: RegExp): Rule => (value) =>
  typeof value === "string" && shape.test(value) ? value : undefined;

const known = (name: (text: string) => string): Rule => (value) =>
  typeof value === "string" ? name(value) : undefined;

const text = (max: number): Rule => (value) =>
  typeof value === "string" ? maskSecrets(value, max) : undefined;

const debugText: Rule = (value, verbose) => verbose ? text(2048)(value, verbose) : undefined;

/** Made only when it is written: most levels never do. */
const debugLines: Rule = (value, verbose) =>
  verbose && typeof value === "function" ? text(8192)(value().join("; "), verbose) : undefined;

const RULES: Readonly<Record<keyof Fields, Rule>> = {
  method: known(knownMethod),
  route: known(knownRoute),
  status: number,
  ms: number,
  bytes: number,
  code: shaped(/^[a-z_]{1,40}$/),
  ability: known(knownAbility),
  count: number,
  attempt: number,
  trace: shaped(/^[\da-f]{32}$/),
  client: shaped(/^(?:[\d.]{7,15}|[\da-f]{16}\/64|unknown)$/),
  space: shaped(/^tinycloud:.{1,502}$/s),
  spaceHash: shaped(/^[\da-f]{64}$/),
  cid: shaped(/^b[a-z2-7]{20,120}$/),
  block: shaped(/^[\da-f]{64}$/),
  address: text(256),
  version: text(64),
  nodeId: text(256),
  database: text(64),
  blocks: text(64),
  path: text(1024),
  note: text(1024),
  cause: (value, verbose) => describeCause(value, verbose),
  did: debugText,
  resource: debugText,
  key: debugText,
  detail: debugLines,
};

// Object.entries widens the keys to string; they are those of the literal above.
const ALLOWED = Object.entries(RULES) as [keyof Fields, Rule][];

/** What may be written of `fields`. `verbose`: the level is `debug`. */
export function allowed(fields: Fields, verbose: boolean): Field[] {
  const written: Field[] = [];
  for (const [name, rule] of ALLOWED) {
    const given = fields[name];
    if (given === undefined) continue;
    const value = rule(given, verbose);
    if (value !== undefined) written.push([name, value]);
  }
  return written;
}
