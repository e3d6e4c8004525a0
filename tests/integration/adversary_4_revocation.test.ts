// adversary 4: a revocation against everything that rests on what it takes, seed by seed (wire §8:
// when 200 is out, no later use below it succeeds).

import assert from "node:assert/strict";
import { attenuation, randomSessionKey, resourceUri } from "../../client/mod.ts";
import { type Answer, ask, assertOk, assertRefused } from "../support/asking.ts";
import { startTestNode, type TestNode } from "../support/node.ts";
import { type Random, seeded } from "../support/random.ts";
import { ancestorRevoked, parentRevoked, revoked } from "../support/refusals.ts";
import {
  allOfKv,
  type ASession,
  aSession,
  cacao,
  DEL,
  GET,
  granted,
  type Link,
  LIST,
  now,
  post,
  PUT,
  ucan,
  use,
} from "../support/world.ts";

/** Commits that do not wait for the disk: the order is the same, and there are many. */
const FAST = { TINYCLOUD_STORAGE_DURABILITY: "normal" };
const SEEDS = 1000;

/** What a test does with a grant while it, or one above it, is revoked. */
interface Attempt {
  readonly begunAfter200: boolean;
  readonly what: string;
  readonly answer: Answer;
  /** The grant that it made, if it did. */
  readonly made?: Link;
}

Deno.test(`adversary 4: ${SEEDS} times, nothing succeeds below a revocation that began after its 200`, async () => {
  await using node = await startTestNode({ env: FAST });
  const session = await aSession(node);
  let late = 0;

  for (let seed = 0; seed < SEEDS; seed++) {
    const random = seeded(seed);
    const upper = await granted(node, session, allOfKv(session.space));
    const lower = await granted(node, upper, allOfKv(session.space));
    const posted = await aGrant(node, lower, session.space);
    assertOk(await post(node, posted.token));
    const target = random.pick([upper, lower]);

    const attempts = await race(node, session, target, lower, posted, random);

    for (const { begunAfter200, what, answer } of attempts) {
      if (begunAfter200) late++;
      const allowed = begunAfter200 ? answer.status === 401 : answer.status < 500;
      assert.ok(allowed, `seed ${seed}, ${what}: ${answer.status} ${answer.text}`);
    }
    await assertDead(node, session, [target, lower, posted, ...made(attempts)], target, lower);
  }

  assert.equal(late, 2 * SEEDS);
});

/** Attempts before, at and after a revocation, all of them under way at once. */
async function race(
  node: TestNode,
  session: ASession,
  target: Link,
  lower: Link,
  posted: Link & { readonly token: string },
  random: Random,
): Promise<readonly Attempt[]> {
  let isOver = false;
  const attempts: Promise<Attempt>[] = [];
  const attempt = (): void => {
    const begunAfter200 = isOver;
    const what = random.pick(["use", "use below", "delegate", "delegate again"]);
    attempts.push((async () => ({
      begunAfter200,
      what,
      ...await ACTIONS[what]?.(node, lower, posted, session.space, random) ?? never(what),
    }))());
  };
  for (let count = random.below(3); count >= 0; count--) attempt();
  const revoking = revoke(node, session, target, random).then((answer) => {
    assertOk(answer);
    isOver = true;
    attempt();
    attempt();
  });
  for (let count = random.below(3); count > 0; count--) attempt();
  await revoking;
  return await Promise.all(attempts);
}

type Action = (
  node: TestNode,
  lower: Link,
  posted: Link & { readonly token: string },
  space: string,
  random: Random,
) => Promise<Pick<Attempt, "answer" | "made">>;

const ACTIONS: Readonly<Record<string, Action>> = {
  "use": async (node, lower, _posted, space, random) => ({
    answer: await useIt(node, lower, space, random),
  }),
  "use below": async (node, _lower, posted, space, random) => ({
    answer: await useIt(node, posted, space, random),
  }),
  "delegate": async (node, lower, _posted, space) => {
    const grant = await aGrant(node, lower, space);
    const answer = await post(node, grant.token);
    return answer.status === 200 ? { answer, made: grant } : { answer };
  },
  "delegate again": async (node, _lower, posted) => ({ answer: await post(node, posted.token) }),
};

function useIt(node: TestNode, by: Link, space: string, random: Random): Promise<Answer> {
  const ability = random.pick([PUT, GET, DEL, LIST]);
  const body = ability === PUT ? random.bytes(random.pick([1, 100, 40_000])) : undefined;
  return use(node, by, ability, resourceUri(space, "kv", "k"), {}, body);
}

/** A grant to a fresh key, not posted yet. */
async function aGrant(node: TestNode, from: Link, space: string) {
  const key = await randomSessionKey();
  const { header, cid } = await ucan(node, from, key.did, allOfKv(space));
  return { key, cid, token: header };
}

/** By who gave it, by who got it, or by the owner's wallet. */
async function revoke(node: TestNode, session: ASession, { key, cid }: Link, random: Random) {
  if (random.below(2) === 0) {
    const { header } = await cacao(session.wallet, `ucan:${cid}`, undefined);
    return await ask(node, "/revoke", { token: header });
  }
  const by = { key: random.pick([session.key, key]) };
  const att = attenuation(`urn:cid:${cid}`, ["tinycloud.delegation/revoke"]);
  const { header } = await ucan(node, by, by.key.did, att, { expiration: now(node) + 60 });
  return await ask(node, "/revoke", { token: header });
}

/** After the dust: none of them serves, none is listed, none can be posted again. */
async function assertDead(
  node: TestNode,
  session: ASession,
  links: readonly Link[],
  target: Link,
  lower: Link,
): Promise<void> {
  for (const link of links) {
    const answer = await use(node, link, GET, resourceUri(session.space, "kv", "k"));
    if (link.cid === target.cid) assertRefused(answer, revoked(target.cid));
    else assertRefused(answer, ancestorRevoked(target.cid, link.cid));
  }
  const child = await aGrant(node, lower, session.space);
  assertRefused(await post(node, child.token), parentRevoked(lower.cid));
}

const made = (attempts: readonly Attempt[]) => attempts.flatMap(({ made }) => made ?? []);

function never(what: string): never {
  throw new Error(`no action ${what}`);
}

Deno.test("adversary 4: capabilities/read tells of no grant below a revoked one, whenever it was made", async () => {
  await using node = await startTestNode({ env: FAST });
  const read = ["tinycloud.capabilities/read"];
  const session = await aSession(node, {
    att: (space) => ({
      ...allOfKv(space),
      ...attenuation(resourceUri(space, "capabilities", "all"), read),
    }),
  });
  const known = async () => {
    const all = resourceUri(session.space, "capabilities", "all");
    const answer = assertOk(await use(node, session, "tinycloud.capabilities/read", all));
    return Object.keys(JSON.parse(answer.text));
  };
  const before = await known();

  for (let seed = 0; seed < 50; seed++) {
    const random = seeded(seed);
    const target = await granted(node, session, allOfKv(session.space));
    const posting = Array.from({ length: 5 }, async () => {
      const child = await aGrant(node, target, session.space);
      return await post(node, child.token);
    });
    assertOk(await revoke(node, session, target, random));

    assert.deepEqual(await known(), before);
    await Promise.all(posting);
    assert.deepEqual(await known(), before);
  }
});
