// A pass of `retention.events`: what goes, in which order, and what stays (configuration.md).

import assert from "node:assert/strict";
import type { Delegation } from "../../../src/capabilities/delegation.ts";
import type { NewDelegation, Repository } from "../../../src/repository/repository.ts";
import { forget, type Forgotten } from "../../../src/repository/retention.ts";
import { openSqlite } from "../../../src/repository/sqlite/open.ts";
import {
  accept,
  aChild,
  aCitingToken,
  aDelegation,
  apply,
  aRevocation,
  cidOfToken,
  DEL,
  host,
  inline,
  NOW,
  SPACE,
} from "../../contract/repository_samples.ts";

const DAY = 86_400;
const ENDED = { expiresAt: NOW - 2 * DAY };
const BEFORE = NOW - DAY;

async function inStore(run: (repository: Repository) => Promise<void>): Promise<void> {
  await using repository = openSqlite({ path: ":memory:", durability: "normal", now: () => NOW });
  await host(repository, SPACE);
  await run(repository);
  assert.deepEqual(await Array.fromAsync(repository.check()), []);
}

async function pass(repository: Repository, before = BEFORE): Promise<Forgotten> {
  const sum = { events: 0, delegations: 0 };
  for await (const { events, delegations } of forget(repository, before)) {
    sum.events += events;
    sum.delegations += delegations;
  }
  return sum;
}

/** Which of them are stored. */
async function stored(
  repository: Repository,
  ...delegations: readonly NewDelegation[]
): Promise<boolean[]> {
  const cids = delegations.map(({ record }) => record.cid);
  const found = await repository.delegationTokens(cids);
  return cids.map((cid) => found.has(cid));
}

function anEnded(record: Partial<Delegation> = {}): NewDelegation {
  return aDelegation({ record: { ...ENDED, ...record } });
}

/** A put or deletion that long ago by what cites the delegation. */
function changeBy(delegation: NewDelegation, at = NOW - 3 * DAY) {
  const token = aCitingToken(delegation.record.cid);
  return { event: { cid: cidOfToken(token), token, at } };
}

Deno.test("a chain that has ended goes whole, from its leaf", () =>
  inStore(async (repository) => {
    const root = anEnded();
    const child = aChild([root.record], ENDED);
    const leaf = aChild([child.record], ENDED);
    await accept(repository, root, child, leaf);

    assert.deepEqual(await pass(repository), { events: 0, delegations: 3 });

    assert.deepEqual(await stored(repository, root, child, leaf), [false, false, false]);
    assert.deepEqual(await pass(repository), { events: 0, delegations: 0 });
  }));

Deno.test("the ancestors of what has not ended stay, whatever became of them", () =>
  inStore(async (repository) => {
    const root = anEnded();
    const child = aChild([root.record], ENDED);
    const live = aChild([child.record], { expiresAt: NOW });
    const other = aChild([root.record], ENDED);
    await accept(repository, root, child, live, other);

    assert.equal((await pass(repository)).delegations, 1);

    const all = [root, child, live, other];
    assert.deepEqual(await stored(repository, ...all), [true, true, true, false]);
  }));

Deno.test("a proof that was never followed counts as cited too", () =>
  inStore(async (repository) => {
    const cited = anEnded();
    const root = aDelegation({ record: { proofs: [cited.record.cid] } });
    // It may have come before what it cites.
    await accept(repository, root, cited);

    assert.equal((await pass(repository)).delegations, 0);

    assert.deepEqual(await stored(repository, cited), [true]);
  }));

Deno.test("what a current value rests on stays until the value is replaced", () =>
  inStore(async (repository) => {
    const [session, next] = [anEnded(), anEnded()];
    await accept(repository, session, next);
    await apply(repository, { key: "k", ...changeBy(session) });

    assert.deepEqual(await pass(repository), { events: 0, delegations: 1 });
    assert.deepEqual(await stored(repository, session, next), [true, false]);

    await apply(repository, { key: "k", effect: inline("another"), ...changeBy(aDelegation()) });
    assert.deepEqual(await pass(repository), { events: 1, delegations: 1 });
    assert.deepEqual(await stored(repository, session), [false]);
  }));

Deno.test("what a deletion rests on stays", () =>
  inStore(async (repository) => {
    const session = anEnded();
    await accept(repository, session);
    await apply(repository, { key: "k" });
    await apply(repository, { key: "k", effect: DEL, ...changeBy(session) });

    await pass(repository);

    assert.deepEqual(await stored(repository, session), [true]);
  }));

Deno.test("what was revoked, and the proof by which it was, stay", () =>
  inStore(async (repository) => {
    const [target, proof, bystander] = [anEnded(), anEnded(), anEnded()];
    await accept(repository, target, proof, bystander);
    const token = aCitingToken(proof.record.cid);
    await repository.revoke(aRevocation(target.record, { token, cid: cidOfToken(token) }));

    assert.equal((await pass(repository)).delegations, 1);

    assert.deepEqual(await stored(repository, target, proof, bystander), [true, true, false]);
    const { revoked } = await repository.standing({ identities: [target.record.identity] });
    assert.equal(revoked.size, 1);
  }));

Deno.test("more than a step holds goes in one pass", () =>
  inStore(async (repository) => {
    const delegations = Array.from({ length: 120 }, () => anEnded());
    await accept(repository, ...delegations);
    const { event } = changeBy(aDelegation());
    for (let count = 0; count < 1100; count++) {
      await apply(repository, { key: `${count % 2}`, event });
    }

    assert.deepEqual(await pass(repository), { events: 1098, delegations: 120 });
  }));

Deno.test("a pass that rests between its steps takes nothing that came to count meanwhile", () =>
  inStore(async (repository) => {
    const target = anEnded();
    await accept(repository, target);
    await apply(repository, { key: "k", ...changeBy(aDelegation()) });
    const steps = forget(repository, BEFORE);
    let count = 0;

    for await (const _ of steps) {
      // Once all is looked at, and nothing is removed yet.
      if (++count === 3) await repository.revoke(aRevocation(target.record));
    }

    assert.ok(count > 3);
    assert.deepEqual(await stored(repository, target), [true]);
  }));

Deno.test("no step reads more than it should at a time", () =>
  inStore(async (repository) => {
    const limits: number[] = [];
    const noted = new Proxy(repository, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== "function") return method;
        return (...args: readonly unknown[]) => {
          const last = args.at(-1);
          limits.push(Array.isArray(args[0]) ? args[0].length : Number(last));
          return method.apply(target, args);
        };
      },
    });
    await accept(repository, ...Array.from({ length: 120 }, () => anEnded()));

    await pass(noted);

    assert.ok(limits.length > 5);
    assert.ok(limits.every((limit) => limit > 0 && limit <= 1000), `${limits}`);
  }));
