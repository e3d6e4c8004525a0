// A world in which a script takes place: one node and the oracle, told the same and compared after
// every answer. It keeps what was done, to do it again, and tells it.

import { AssertionError } from "node:assert/strict";
import type { Answer } from "../oracle/answer.ts";
import { ancestorsOf, isWithin } from "../oracle/authority.ts";
import { delegate } from "../oracle/delegate.ts";
import { invoke } from "../oracle/invoke.ts";
import { emptyModel, isHosted, isRevoked, type Model, type Stored } from "../oracle/model.ts";
import { principalOf } from "../oracle/names.ts";
import { revoke } from "../oracle/revoke.ts";
import { ask } from "../support/asking.ts";
import type { TestNode } from "../support/node.ts";
import { type Cast, type Holder, type Space, SPACES_PER_OWNER } from "./cast.ts";
import { assertSame, inShort } from "./compare.ts";
import type { Encoding } from "./script.ts";
import { type Claims, digestOf, seal, type Sealed } from "./sealing.ts";
import { instant, named, told } from "./telling.ts";

/** A node on which scripts are played, one after the other: its clock never goes back. */
export interface Stage {
  readonly node: TestNode;
  readonly nodeId: string;
  /** How many answers of each kind were the oracle's. */
  readonly tally: Map<string, number>;
  /** Unix seconds. */
  now: number;
  /** How many scripts. */
  played: number;
}

export type Route = "/delegate" | "/invoke" | "/revoke";

/** What is done to a node, without any choice left. */
export type Act = Send | Wait;

export interface Send {
  readonly act: "send";
  readonly route: Route;
  readonly claims: Claims;
  readonly encoding: Encoding;
  /** Of a put. */
  readonly body: string;
}

export interface Wait {
  readonly act: "wait";
  readonly until: number;
}

/** A script as it was played, on a node of the same secret. */
export interface Played {
  readonly castSeed: string;
  readonly begin: number;
  readonly acts: readonly Act[];
}

/** The node and the oracle differ: `message` tells on what, and the script up to there. */
export class Difference extends Error {
  override readonly name = "Difference";

  constructor(message: string, readonly played: Played) {
    super(message);
  }
}

export class World {
  readonly cast: Cast;
  readonly model: Model;
  /** Delegations and revocations, and invocations, as they were first sent. */
  readonly posted: Send[] = [];
  readonly invoked: Send[] = [];
  readonly #stage: Stage;
  readonly #castSeed: string;
  readonly #begin: number;
  readonly #acts: Act[] = [];
  readonly #lines: string[] = [];
  /** By the hash of their bytes. */
  readonly #tokens = new Map<string, Sealed>();
  #count = 0;

  constructor(stage: Stage, cast: Cast, castSeed: string) {
    this.#stage = stage;
    this.cast = cast;
    this.#castSeed = castSeed;
    this.#begin = stage.now;
    stage.node.clock.freeze(stage.now);
    this.model = emptyModel({
      keyOwners: true,
      spacesPerOwner: SPACES_PER_OWNER,
      nodeId: stage.nodeId,
      hostDids: (id) =>
        cast.spaces.find((space) => space.id === id)?.hostDids ?? ["did:none:a", "did:none:b"],
    });
  }

  /** Throws a Difference. */
  async perform(act: Act): Promise<void> {
    this.#acts.push(act);
    if (act.act === "send") await this.#send(act);
    else this.#wait(act);
  }

  async #send(send: Send): Promise<void> {
    const { route, claims, encoding, body } = send;
    const sealed = await seal(claims, encoding);
    const isNew = !this.#tokens.has(sealed.token.cid);
    if (isNew) this.#tokens.set(sealed.token.cid, sealed);
    if (route === "/invoke") this.invoked.push(send);
    else if (isNew) this.posted.push(send);

    const target = revokedBy(claims);
    const expected = this.#expect(route, sealed, body, target);
    const kind = inShort(expected);
    const said = `${route} ${told(sealed, encoding, isNew, this.#begin)}`;
    this.#lines.push(`${said}\n      oracle: ${kind}`);
    const answer = await ask(this.#stage.node, route, {
      token: sealed.header,
      ...(body === "" ? {} : { body }),
    });
    try {
      assertSame(answer, expected, sealed, target);
    } catch (error) {
      throw this.#difference(error);
    }
    const counted = `${route.slice(1)} ${kind}`;
    this.#stage.tally.set(counted, (this.#stage.tally.get(counted) ?? 0) + 1);
  }

  #expect(route: Route, { token }: Sealed, body: string, target: string | undefined): Answer {
    switch (route) {
      case "/delegate":
        return delegate(this.model, this.now, token);
      case "/invoke":
        return invoke(this.model, this.now, token, body);
      case "/revoke":
        return revoke(this.model, this.now, token, target && digestOf(target));
    }
  }

  #wait({ until }: Wait): void {
    this.#stage.now = until;
    this.#stage.node.clock.freeze(until);
    this.#lines.push(`the time is ${instant(until, this.#begin)}`);
  }

  #difference(error: unknown): Error {
    if (!(error instanceof AssertionError)) return new Error("no comparison", { cause: error });
    const lines = this.#lines.map((line, at) => `${String(at + 1).padStart(3)}. ${line}`);
    const message = `${error.message}\n\n${lines.join("\n")}\n`;
    return new Difference(
      named(message, this.cast, this.#stage.nodeId, [...this.#tokens.values()]),
      { castSeed: this.#castSeed, begin: this.#begin, acts: this.#acts },
    );
  }

  get now(): number {
    return this.#stage.now;
  }

  get nodeId(): string {
    return this.#stage.nodeId;
  }

  /** A name that no other token of this world has. */
  freshName(): string {
    return `t${++this.#count}`;
  }

  /** Of the spaces of such owners those hosted here, or all. */
  spaces(isHere: boolean, isMeant: (owner: Holder) => boolean = () => true): readonly Space[] {
    return this.cast.spaces.filter(({ id, owner }) =>
      isMeant(owner) && (!isHere || isHosted(this.model, id))
    );
  }

  /** What such holders were given: what can be used now, or all. */
  held(isLive: boolean, isMeant: (holder: Holder) => boolean = () => true): readonly Stored[] {
    return this.model.accepted.filter((stored) => {
      const holder = this.holderOf(stored.delegatee);
      return holder !== undefined && isMeant(holder) && (!isLive || this.#isLive(stored));
    });
  }

  #isLive(stored: Stored): boolean {
    return [stored, ...ancestorsOf(this.model, stored)].every((one) =>
      isWithin(one, this.now) && !isRevoked(this.model, one)
    );
  }

  holderOf(principal: string | undefined): Holder | undefined {
    return this.cast.holders.find(({ did }) => principalOf(did) === principal);
  }

  /** In base32. */
  cidsOf(stored: readonly Stored[]): readonly string[] {
    return stored.flatMap(({ token }) => this.#tokens.get(token.cid)?.cid ?? []);
  }
}

/** The CID, as spelled, in the place where a revocation has it (wire §8). */
function revokedBy({ issuer, audience, att }: Claims): string | undefined {
  const [first] = att;
  const [, cid] = issuer.kind === "wallet"
    ? /^ucan:(\w+)$/.exec(audience) ?? []
    : /^(?:urn:cid:|tinycloud:[^/]+\/delegation\/)(\w+)$/.exec(first?.resource ?? "") ?? [];
  return cid;
}
