// The writer alone, over a transaction that only notes what is done to it.

import assert from "node:assert/strict";
import { NodeError } from "../../../src/errors.ts";
import { GroupCommit, type Rider, type Transaction } from "../../../src/repository/group_commit.ts";

class NotedTransaction implements Transaction {
  readonly notes: string[] = [];
  /** Steps that fail, each once. */
  readonly failures = new Map<string, Error>();

  begin = (durable: boolean) => this.#note(durable ? "begin durable" : "begin");
  commit = () => this.#note("commit");
  abandon = () => this.#note("abandon");
  savepoint = () => this.#note("savepoint");
  release = () => this.#note("release");
  undo = () => this.#note("undo");
  isBusy = (error: unknown) => error instanceof Error && error.message === "busy";

  #note(step: string): void {
    this.notes.push(step);
    const failure = this.failures.get(step);
    this.failures.delete(step);
    if (failure !== undefined) throw failure;
  }
}

function settled(promises: readonly Promise<unknown>[]): Promise<unknown[]> {
  return Promise.all(promises.map((promise) => promise.catch((error) => error)));
}

function isUnavailable(error: unknown): boolean {
  return error instanceof NodeError && error.code === "storage_unavailable";
}

Deno.test("operations that wait together share one commit, each in its savepoint", async () => {
  const transaction = new NotedTransaction();
  const writer = new GroupCommit(transaction);

  const answers = await Promise.all([1, 2].map((n) => writer.submit(() => n, false)));

  assert.deepEqual(answers, [1, 2]);
  assert.deepEqual(transaction.notes, [
    "begin",
    ...["savepoint", "release", "savepoint", "release"],
    "commit",
  ]);
});

Deno.test("a commit is durable when one of its operations asks for it", async () => {
  const transaction = new NotedTransaction();
  const writer = new GroupCommit(transaction);

  await Promise.all([false, true, false].map((durable) => writer.submit(() => {}, durable)));

  assert.equal(transaction.notes[0], "begin durable");
});

Deno.test("nothing is answered before the commit", async () => {
  const transaction = new NotedTransaction();
  const writer = new GroupCommit(transaction);
  const failure = new Error("of the operation");

  const answers = [
    writer.submit(() => {}, true).then(() => transaction.notes.push("answered")),
    writer.submit(() => {
      throw failure;
    }, true).catch(() => transaction.notes.push("refused")),
  ];
  await Promise.all(answers);

  assert.deepEqual(transaction.notes.slice(-3), ["commit", "answered", "refused"]);
});

Deno.test("a failing operation is undone alone", async () => {
  const transaction = new NotedTransaction();
  const writer = new GroupCommit(transaction);
  const failure = new Error("of the operation");

  const answers = await settled([
    writer.submit(() => 1, true),
    writer.submit(() => {
      throw failure;
    }, true),
    writer.submit(() => 3, true),
  ]);

  assert.deepEqual(answers, [1, failure, 3]);
  assert.deepEqual(transaction.notes, [
    "begin durable",
    ...["savepoint", "release", "savepoint", "undo", "savepoint", "release"],
    "commit",
  ]);
});

Deno.test("when the commit fails, so does every operation, and the next is fresh", async () => {
  const transaction = new NotedTransaction();
  const writer = new GroupCommit(transaction);
  const failure = new Error("of the disk");
  transaction.failures.set("commit", failure);

  const answers = await settled([1, 2].map((n) => writer.submit(() => n, true)));
  const next = await writer.submit(() => "next", true);

  assert.deepEqual(answers, [failure, failure]);
  assert.equal(next, "next");
  assert.equal(transaction.notes.filter((note) => note === "abandon").length, 1);
});

Deno.test("when an operation has ended the transaction, all fail with its error", async () => {
  const transaction = new NotedTransaction();
  const writer = new GroupCommit(transaction);
  const failure = new Error("disk full");
  transaction.failures.set("undo", new Error("no such savepoint"));

  const answers = await settled([
    writer.submit(() => 1, true),
    writer.submit(() => {
      throw failure;
    }, true),
    writer.submit(() => 3, true),
  ]);

  assert.deepEqual(answers, [failure, failure, failure]);
  assert.ok(!transaction.notes.includes("commit"));
});

Deno.test("while another process writes, the batch waits and the loop is free", async () => {
  const transaction = new NotedTransaction();
  const writer = new GroupCommit(transaction, undefined, { busyPauseMs: 1 });
  transaction.failures.set("begin durable", new Error("busy"));

  const first = writer.submit(() => 1, true);
  await new Promise((resolve) => setImmediate(resolve));
  const second = writer.submit(() => 2, true);

  assert.deepEqual(await Promise.all([first, second]), [1, 2]);
  assert.equal(transaction.notes.filter((note) => note === "begin durable").length, 2);
  assert.equal(transaction.notes.filter((note) => note === "commit").length, 1);
});

Deno.test("a process that never stops writing makes the batch fail", async () => {
  const transaction = new NotedTransaction();
  const writer = new GroupCommit(transaction, undefined, { busyPauseMs: 0, busyAttempts: 3 });
  const busy = new Error("busy");
  transaction.begin = () => {
    transaction.notes.push("begin");
    throw busy;
  };

  const [answer] = await settled([writer.submit(() => 1, true)]);

  assert.equal(answer, busy);
  assert.deepEqual(transaction.notes, Array(4).fill("begin"));
});

Deno.test("more than may wait are refused, and those that wait are served", async () => {
  const transaction = new NotedTransaction();
  const writer = new GroupCommit(transaction, undefined, { maxWaiting: 2, maxBatch: 1 });

  const answers = await settled([1, 2, 3].map((n) => writer.submit(() => n, true)));

  assert.deepEqual(answers.slice(0, 2), [1, 2]);
  assert.ok(isUnavailable(answers[2]));
  assert.equal(transaction.notes.filter((note) => note === "commit").length, 2);
});

Deno.test("a closed writer has answered what waited, and refuses what comes", async () => {
  const writer = new GroupCommit(new NotedTransaction(), undefined, { maxBatch: 1 });
  const order: string[] = [];

  const waiting = [1, 2].map((n) => writer.submit(() => n, true).then(() => order.push(`${n}`)));
  await writer.close().then(() => order.push("closed"));
  const [late] = await settled([writer.submit(() => 3, true)]);

  await Promise.all(waiting);
  assert.deepEqual(order, ["1", "2", "closed"]);
  assert.ok(isUnavailable(late));
});

const riders: readonly (readonly [string, string, boolean])[] = [
  ["goes along with a commit", "", true],
  ["has not arrived when the commit fails", "commit", false],
];
for (const [what, failing, arrives] of riders) {
  Deno.test(`a rider ${what}`, async () => {
    const transaction = new NotedTransaction();
    const rider: Rider = {
      ride: () => transaction.notes.push("ride"),
      arrived: () => transaction.notes.push("arrived"),
    };
    const writer = new GroupCommit(transaction, rider);
    if (failing !== "") transaction.failures.set(failing, new Error("of the disk"));

    await settled([writer.submit(() => {}, true)]);

    assert.deepEqual(transaction.notes.slice(1, 4), ["savepoint", "ride", "release"]);
    assert.equal(transaction.notes.includes("arrived"), arrives);
  });
}

Deno.test("a failing rider holds nobody up", async () => {
  const transaction = new NotedTransaction();
  const rider: Rider = {
    ride: () => {
      throw new Error("of the rider");
    },
    arrived: () => assert.fail("it did not ride"),
  };
  const writer = new GroupCommit(transaction, rider);

  assert.equal(await writer.submit(() => 1, true), 1);
  assert.deepEqual(transaction.notes.slice(1, 3), ["savepoint", "undo"]);
});
