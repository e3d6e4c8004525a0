// The queue alone, over a commit that only notes what it is given.

import assert from "node:assert/strict";
import { NodeError } from "../../../src/errors.ts";
import {
  GroupCommit,
  type GroupCommitOptions,
  type Outcome,
} from "../../../src/repository/group_commit.ts";

interface Given {
  readonly group: GroupCommit<number>;
  /** What was committed, batch by batch. */
  readonly batches: number[][];
  /** Lets the batch in flight end; undefined while there is none. */
  end: ((result?: readonly Outcome[] | Error) => void) | undefined;
}

/** Every write is a number and is answered with itself; commits end by themselves unless `held`. */
function opened(options: Partial<GroupCommitOptions> = {}, held = false): Given {
  const batches: number[][] = [];
  const commit = async (batch: readonly number[]): Promise<readonly Outcome[]> => {
    batches.push([...batch]);
    const outcomes = batch.map((value) => ({ value }));
    if (!held) return outcomes;
    const { promise, resolve, reject } = Promise.withResolvers<readonly Outcome[]>();
    given.end = (result = outcomes) => result instanceof Error ? reject(result) : resolve(result);
    return await promise;
  };
  const given: Given = { group: new GroupCommit(commit, options), batches, end: undefined };
  return given;
}

async function inFlight(given: Given, count: number): Promise<void> {
  while (given.batches.length < count) await nextTurn();
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function settled(promises: readonly Promise<unknown>[]): Promise<unknown[]> {
  return Promise.all(promises.map((promise) => promise.catch((error) => error)));
}

function isUnavailable(error: unknown): boolean {
  return error instanceof NodeError && error.code === "storage_unavailable";
}

Deno.test("writes that wait together are committed together and answered each with its own", async () => {
  const { group, batches } = opened();

  const answers = await Promise.all([1, 2, 3].map((n) => group.submit(n, 1)));

  assert.deepEqual(answers, [1, 2, 3]);
  assert.deepEqual(batches, [[1, 2, 3]]);
});

Deno.test("as long as writes come with every turn of the loop, they join", async () => {
  const { group, batches } = opened();
  setImmediate(() => {
    void group.submit(2, 1);
    setImmediate(() => void group.submit(3, 1));
  });

  await group.submit(1, 1);

  assert.deepEqual(batches, [[1, 2, 3]]);
});

Deno.test("one batch is in flight at a time, and what comes meanwhile is the next one", async () => {
  const given = opened({}, true);
  const first = given.group.submit(1, 1);
  await inFlight(given, 1);

  const others = [2, 3].map((n) => given.group.submit(n, 1));
  for (let i = 0; i < 5; i++) await nextTurn();
  assert.deepEqual(given.batches, [[1]]);
  given.end?.();
  await first;
  await inFlight(given, 2);
  given.end?.();

  assert.deepEqual(await Promise.all(others), [2, 3]);
  assert.deepEqual(given.batches, [[1], [2, 3]]);
});

Deno.test("nothing is answered before the commit is", async () => {
  const given = opened({}, true);
  let isAnswered = false;
  const write = given.group.submit(1, 1).then(() => isAnswered = true);
  await inFlight(given, 1);

  for (let i = 0; i < 5; i++) await nextTurn();
  assert.equal(isAnswered, false);
  given.end?.();

  await write;
});

Deno.test("a write that failed alone fails alone", async () => {
  const given = opened({}, true);
  const error = new NodeError("storage_full");
  const answers = settled([1, 2].map((n) => given.group.submit(n, 1)));
  await inFlight(given, 1);

  given.end?.([{ error }, { value: undefined }]);

  assert.deepEqual(await answers, [error, undefined]);
});

Deno.test("when the commit fails, so does every write of it, and the next is fresh", async () => {
  const given = opened({}, true);
  const failure = new Error("of the disk");
  const answers = settled([1, 2].map((n) => given.group.submit(n, 1)));
  await inFlight(given, 1);
  given.end?.(failure);

  assert.deepEqual(await answers, [failure, failure]);
  const next = given.group.submit(3, 1);
  await inFlight(given, 2);
  given.end?.();
  assert.equal(await next, 3);
});

Deno.test("a write that the commit does not answer is left with an error, not alone", async () => {
  const given = opened({}, true);
  const answers = settled([1, 2].map((n) => given.group.submit(n, 1)));
  await inFlight(given, 1);

  given.end?.([{ value: 1 }]);

  const [first, second] = await answers;
  assert.equal(first, 1);
  assert.ok(isUnavailable(second));
});

const bounds: readonly (readonly [string, Partial<GroupCommitOptions>, readonly number[][]])[] = [
  ["in number", { maxBatch: 2 }, [[1, 2], [3, 4], [5]]],
  ["in bytes", { maxBatchBytes: 25 }, [[1, 2], [3, 4], [5]]],
  ["in bytes, but one that is larger goes alone", { maxBatchBytes: 5 }, [[1], [2], [3], [4], [5]]],
];
for (const [what, options, expected] of bounds) {
  Deno.test(`a batch is bounded ${what}`, async () => {
    const { group, batches } = opened(options);

    await Promise.all([1, 2, 3, 4, 5].map((n) => group.submit(n, 10)));

    assert.deepEqual(batches, expected);
  });
}

const queues: readonly (readonly [string, Partial<GroupCommitOptions>])[] = [
  ["in number", { maxWaiting: 2 }],
  ["in bytes", { maxWaitingBytes: 20 }],
];
for (const [what, options] of queues) {
  Deno.test(`more than may wait ${what} are refused, and those that wait are served`, async () => {
    const { group, batches } = opened(options);

    const answers = await settled([1, 2, 3].map((n) => group.submit(n, 10)));
    const later = await group.submit(4, 10);

    assert.deepEqual(answers.slice(0, 2), [1, 2]);
    assert.ok(isUnavailable(answers[2]));
    assert.equal(later, 4, "there is room again");
    assert.deepEqual(batches, [[1, 2], [4]]);
  });
}

Deno.test("a closed queue has answered what waited, and refuses what comes", async () => {
  const { group } = opened({ maxBatch: 1 });
  const order: string[] = [];

  const waiting = [1, 2].map((n) => group.submit(n, 1).then(() => order.push(`${n}`)));
  await group.close().then(() => order.push("closed"));
  const [late] = await settled([group.submit(3, 1)]);

  await Promise.all(waiting);
  assert.deepEqual(order, ["1", "2", "closed"]);
  assert.ok(isUnavailable(late));
});
