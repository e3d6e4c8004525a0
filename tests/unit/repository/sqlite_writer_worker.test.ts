// The repository with its writer in a Worker: what a second connection and a second thread change.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { NodeError } from "../../../src/errors.ts";
import type { Repository } from "../../../src/repository/repository.ts";
import { openSqlite } from "../../../src/repository/sqlite/open.ts";
import {
  aChange,
  aDelegation,
  aGuard,
  apply,
  aRead,
  aRevocation,
  host,
  inline,
  NOW,
  SPACE,
} from "../../contract/repository_samples.ts";

interface Given {
  readonly repository: Repository;
  readonly path: string;
  /** Every Worker that was started, in order. */
  readonly workers: readonly Worker[];
  /** Sizes of commits, in order. */
  readonly commits: readonly number[];
  /** Another connection, that can hold the write lock. */
  readonly other: DatabaseSync;
}

async function inStore(run: (given: Given) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/caps.db`;
  const workers: Worker[] = [];
  const Original = globalThis.Worker;
  globalThis.Worker = class extends Original {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      super(...args);
      workers.push(this);
    }
  };
  const commits: number[] = [];
  try {
    const onCommit = (size: number, seconds: number) => {
      assert.ok(seconds > 0);
      commits.push(size);
    };
    await using repository = openSqlite({
      path,
      durability: "full",
      now: () => NOW,
      onCommit,
    });
    await host(repository, SPACE);
    using other = new DatabaseSync(path);
    await run({ repository, path, workers, commits, other });
  } finally {
    globalThis.Worker = Original;
    await Deno.remove(folder, { recursive: true });
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof NodeError && error.code === "storage_unavailable";
}

/** A message that its handler cannot read ends a Worker for good. */
function kill(worker: Worker | undefined): void {
  worker?.postMessage(undefined);
}

Deno.test("a read after a revocation was answered sees it", () =>
  inStore(async ({ repository }) => {
    for (let i = 0; i < 50; i++) {
      const { record } = aDelegation();
      const read = () => repository.admitRead(aRead({ unrevoked: [record.identity] }));
      assert.equal((await read()).kind, "admitted");

      await repository.revoke(aRevocation(record));

      assert.deepEqual(await read(), { kind: "revoked", identities: [record.identity] });
      const { revoked } = await repository.standing({ identities: [record.identity] });
      assert.deepEqual([...revoked], [record.identity]);
    }
  }));

Deno.test("reads go on while a commit waits", () =>
  inStore(async ({ repository, other }) => {
    other.exec("BEGIN IMMEDIATE");

    const write = repository.applyInvocation(aChange({ key: "k" }));
    for (let i = 0; i < 20; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(await repository.list(SPACE, "", undefined, 10), []);
      assert.equal((await repository.admitRead(aRead({ space: SPACE }))).kind, "admitted");
    }
    other.exec("COMMIT");

    assert.equal((await write).kind, "applied");
  }));

const ends = [
  ["applied", {}, "duplicate"],
  ["noKey", { effect: { kind: "del" } }, "admitted"],
] as const;
for (const [outcome, fields, kind] of ends) {
  Deno.test(`a read with the token of a write under way waits: ${outcome}, then ${kind}`, () =>
    inStore(async ({ repository, other }) => {
      const use = aGuard();
      other.exec("BEGIN IMMEDIATE");
      const order: string[] = [];

      const write = repository.applyInvocation(aChange({ use, ...fields }));
      const read = repository.admitRead(aRead({ use }));
      void write.then(() => order.push("write"));
      void read.then(() => order.push("read"));
      assert.equal((await repository.admitRead(aRead())).kind, "admitted", "others do not wait");
      assert.deepEqual(order, []);
      other.exec("COMMIT");

      assert.deepEqual([(await write).kind, (await read).kind], [outcome, kind]);
      assert.deepEqual(order, ["write", "read"]);
    }));
}

Deno.test("a token is used once, however many reads and writes ask at once", () =>
  inStore(async ({ repository }) => {
    for (let i = 0; i < 20; i++) {
      const use = aGuard();

      const outcomes = await Promise.all(
        Array.from(
          { length: 10 },
          (_, n) =>
            (n + i) % 2 === 0
              ? repository.admitRead(aRead({ use }))
              : repository.applyInvocation(aChange({ use, key: `${n}` })),
        ),
      );

      const used = outcomes.filter(({ kind }) => kind === "admitted" || kind === "applied");
      assert.equal(used.length, 1, JSON.stringify(outcomes));
    }
  }));

Deno.test("a Worker that dies fails every write that waits, and the next starts another", () =>
  inStore(async ({ repository, workers, other }) => {
    other.exec("BEGIN IMMEDIATE");
    const waiting = [1, 2, 3].map((n) => repository.applyInvocation(aChange({ key: `${n}` })));
    const use = aGuard();
    const read = repository.applyInvocation(aChange({ use })).catch(() => {})
      .then(() => repository.admitRead(aRead({ use })));

    workers[0]?.dispatchEvent(new ErrorEvent("error", { message: "killed", cancelable: true }));

    for (const write of waiting) await assert.rejects(write, isUnavailable);
    assert.equal((await read).kind, "admitted", "the write did not use its token");
    other.exec("ROLLBACK");
    await apply(repository, { key: "afterwards" });
    assert.equal(workers.length, 2);
  }));

Deno.test("a Worker that ends by an error of its own is followed by another", () =>
  inStore(async ({ repository, workers }) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    workers[0]?.addEventListener("error", () => resolve());
    kill(workers[0]);
    await promise;

    await apply(repository, { key: "k" });

    assert.equal(workers.length, 2);
    assert.deepEqual(await repository.list(SPACE, "", undefined, 10), ["k"]);
  }));

Deno.test("Workers that die at once are not started one after the other", () =>
  inStore(async ({ repository, workers }) => {
    const die = () => workers.at(-1)?.dispatchEvent(new ErrorEvent("error", { cancelable: true }));
    die();
    const second = repository.ping();
    while (workers.length < 2) await new Promise((resolve) => setImmediate(resolve));
    die();
    await assert.rejects(second, isUnavailable);

    for (let i = 0; i < 5; i++) await assert.rejects(repository.ping(), isUnavailable);

    assert.equal(workers.length, 2);
  }));

Deno.test("guards of reads outlive the Worker that should have stored them", () =>
  inStore(async ({ repository, workers, path }) => {
    const read = aRead();
    await repository.admitRead(read);
    workers[0]?.dispatchEvent(new ErrorEvent("error", { cancelable: true }));

    assert.equal((await repository.admitRead(read)).kind, "duplicate");
    await repository.ping();

    using database = new DatabaseSync(path, { readOnly: true });
    const row = database.prepare("SELECT 1 FROM used_token WHERE guard = unhex(?)").get(
      read.use.key,
    );
    assert.ok(row);
  }));

Deno.test("a value that is a part of a larger buffer is stored alone, and stays the caller's", () =>
  inStore(async ({ repository }) => {
    const effect = inline("value");
    const large = new TextEncoder().encode("before value after");
    const bytes = large.subarray(7, 12);

    await apply(repository, {
      key: "k",
      effect: { ...effect, content: { kind: "inline", bytes } },
    });

    assert.deepEqual(
      (await repository.find(SPACE, "k"))?.inline,
      new TextEncoder().encode("value"),
    );
    assert.equal(bytes.byteLength, 5);
  }));

Deno.test("every commit tells how many requests it carried", () =>
  inStore(async ({ repository, commits }) => {
    const before = commits.length;
    await repository.admitRead(aRead());

    await Promise.all([1, 2, 3].map((n) => apply(repository, { key: `${n}` })));

    assert.deepEqual(commits.slice(before), [4]);
  }));
