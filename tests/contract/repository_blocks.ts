// Contract: blocks and their collector (architecture.md, invariant 5). The protocol is proved in
// words in src/repository/sqlite/blocks.ts; the last case plays it against a store of files.

import assert from "node:assert/strict";
import type { CondemnedBlock, Put, Repository } from "../../src/repository/repository.ts";
import type { Case } from "./repository_contract.ts";
import {
  aChange,
  apply,
  block,
  BOBS_SPACE,
  DEL,
  hashOf,
  host,
  inline,
  NOW,
  OTHER_SPACE,
  SPACE,
} from "./repository_samples.ts";

/** A block that was put and deleted, and is condemned. */
async function condemnedBlock(
  repository: Repository,
  label = "dead",
): Promise<CondemnedBlock> {
  await apply(repository, { key: "dead", effect: block(label) });
  await apply(repository, { key: "dead", effect: DEL });
  const [condemned, ...others] = await repository.condemnBlocks(10);
  assert.ok(condemned);
  assert.deepEqual(others, []);
  assert.deepEqual([condemned.space, condemned.hash], [SPACE, hashOf(label)]);
  return condemned;
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Writers and a collector, one step at a time in random order, over a set of files. */
async function play(repository: Repository, seed: number): Promise<void> {
  const random = randomOf(seed);
  const pick = (count: number) => Math.floor(random() * count);
  const labels = ["x", "y"].map((label) => `${seed} ${label}`);
  const files = new Set<string>();
  let time = NOW;

  async function* writer(): AsyncGenerator<void> {
    for (let i = 0; i < 4; i++) {
      const key = `${seed}/${pick(2)}`;
      if (pick(2) === 0) {
        await repository.applyInvocation(aChange({ key, effect: DEL }));
        yield;
        continue;
      }
      let effect: Put = block(labels[pick(2)] ?? "");
      files.add(effect.hash);
      yield;
      for (let attempts = 0; attempts < 50; attempts++) {
        const outcome = await repository.applyInvocation(aChange({ key, effect }));
        yield;
        if (outcome.kind === "applied") break;
        assert.equal(outcome.kind, "condemned");
        if (outcome.kind !== "condemned" || !outcome.buried) continue;
        files.add(effect.hash);
        effect = { ...effect, content: { kind: "block", over: outcome.grave } };
        yield;
      }
    }
  }

  async function* collector(): AsyncGenerator<void> {
    for (let i = 0; i < 6; i++) {
      const strays = labels.map(hashOf).filter((hash) => files.has(hash) && pick(4) === 0);
      const stray = strays[0] === undefined
        ? undefined
        : await repository.condemnStray(SPACE, strays[0]);
      const condemned = [
        ...await repository.condemnBlocks(2),
        ...(stray === undefined ? [] : [stray]),
      ];
      yield;
      // A crash now and then: what was taken is found again.
      const taken = pick(3) === 0 ? await repository.unburied(10) : condemned;
      for (const one of taken) {
        files.delete(one.hash);
        yield;
        await repository.buryBlock(one, time++);
        yield;
      }
    }
    for (const one of await repository.unburied(10)) {
      files.delete(one.hash);
      await repository.buryBlock(one, time++);
    }
  }

  const actors = [writer(), writer(), writer(), collector()];
  while (actors.length > 0) {
    const index = pick(actors.length);
    if ((await actors[index]?.next())?.done === true) actors.splice(index, 1);
    for (const { hash } of await repository.blocksOf(SPACE, undefined, 10)) {
      assert.ok(files.has(hash), `seed ${seed}: a live block has no file`);
    }
  }
  for (const key of [`${seed}/0`, `${seed}/1`]) {
    await repository.applyInvocation(aChange({ key, effect: DEL }));
  }
}

export const blockCases: readonly Case[] = [
  {
    name: "a block lives while any key of its space refers to it",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      await apply(repository, { key: "a", effect: block("shared") });
      await apply(repository, { key: "b", effect: block("shared") });
      await apply(repository, { key: "a", effect: DEL });

      const shared = await repository.condemnBlocks(10);
      await apply(repository, { key: "b", effect: inline("instead") });
      const dead = await repository.condemnBlocks(10);

      assert.deepEqual(shared, []);
      assert.deepEqual(dead.map(({ hash }) => hash), [hashOf("shared")]);
    },
  },
  {
    name: "the same content put again on the same key stays alive",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      await apply(repository, { effect: block("same") });
      await apply(repository, { effect: block("same") });

      assert.deepEqual(await repository.condemnBlocks(10), []);
      await apply(repository, { effect: DEL });
      assert.equal((await repository.condemnBlocks(10)).length, 1);
    },
  },
  {
    name: "blocks are condemned once, a bounded number at a time",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      for (const key of ["a", "b", "c"]) {
        await apply(repository, { key, effect: block(key) });
        await apply(repository, { key, effect: DEL });
      }

      const steps = [await repository.condemnBlocks(2), await repository.condemnBlocks(2)];
      const none = await repository.condemnBlocks(2);

      assert.deepEqual(steps.map(({ length }) => length), [2, 1]);
      assert.deepEqual(none, []);
      assert.equal(new Set(steps.flat().map(({ grave }) => grave)).size, 3);
    },
  },
  {
    name: "a condemned block is found again until it is buried",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const condemned = await condemnedBlock(repository);

      const before = await repository.unburied(10);
      await repository.buryBlock(condemned, NOW);
      const after = await repository.unburied(10);

      assert.deepEqual(before, [condemned]);
      assert.deepEqual(after, []);
    },
  },
  {
    name: "a put of condemned content waits for the burial, then passes over the grave",
    run: async (given) => {
      const { repository } = given;
      await host(repository, SPACE);
      const condemned = await condemnedBlock(repository);
      const { grave } = condemned;
      const put = (over?: number) => aChange({ effect: block("dead", 100_000, over) });

      const during = await given.unchanged(() => repository.applyInvocation(put()));
      const tooEarly = await given.unchanged(() => repository.applyInvocation(put(grave)));
      await repository.buryBlock(condemned, NOW);
      const after = await given.unchanged(() => repository.applyInvocation(put()));
      const over = await repository.applyInvocation(put(grave));

      assert.deepEqual(during, { kind: "condemned", grave, buried: false });
      assert.deepEqual(tooEarly, during);
      assert.deepEqual(after, { kind: "condemned", grave, buried: true });
      assert.deepEqual(over, { kind: "applied" });
      assert.deepEqual(await repository.condemnBlocks(10), []);
      const plain = aChange({ key: "another", effect: block("dead") });
      assert.equal((await repository.applyInvocation(plain)).kind, "applied");
    },
  },
  {
    name: "a put over an old grave is told of the new one",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const first = await condemnedBlock(repository);
      await repository.buryBlock(first, NOW);
      await apply(repository, { key: "dead", effect: block("dead", 100_000, first.grave) });
      await apply(repository, { key: "dead", effect: DEL });
      const [second] = await repository.condemnBlocks(10);
      assert.ok(second);
      await repository.buryBlock(second, NOW);

      const outcome = await repository.applyInvocation(
        aChange({ effect: block("dead", 100_000, first.grave) }),
      );

      assert.notEqual(second.grave, first.grave);
      assert.deepEqual(outcome, { kind: "condemned", grave: second.grave, buried: true });
    },
  },
  {
    name: "a late report of an old removal buries nothing",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const first = await condemnedBlock(repository);
      await repository.buryBlock(first, NOW);
      await apply(repository, { key: "dead", effect: block("dead", 100_000, first.grave) });

      await repository.buryBlock(first, NOW + 1);
      await apply(repository, { key: "dead", effect: DEL });
      const [second] = await repository.condemnBlocks(10);
      await repository.buryBlock(first, NOW + 2);

      assert.deepEqual(await repository.unburied(10), [second]);
    },
  },
  {
    name: "condemned content may be put as a small value, or in another space",
    run: async ({ repository }) => {
      await host(repository, SPACE, OTHER_SPACE);
      await condemnedBlock(repository);
      const { hash } = block("dead");

      const small = { ...inline("dead"), hash };
      assert.equal(hash, inline("dead").hash);
      await apply(repository, { key: "small", effect: small });
      await apply(repository, { space: OTHER_SPACE, effect: block("dead") });
    },
  },
  {
    name: "graves are forgotten when they are old enough, a bounded number at a time",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      for (const [label, at] of [["a", NOW], ["b", NOW + 1], ["c", NOW + 2]] as const) {
        await repository.buryBlock(await condemnedBlock(repository, label), at);
      }
      await condemnedBlock(repository, "unburied");

      const steps = [];
      for (const before of [NOW, NOW + 2, NOW + 2, NOW + 2]) {
        steps.push(await repository.forgetGraves(before, 1));
      }

      assert.deepEqual(steps, [0, 1, 1, 0]);
      const kinds = [];
      for (const label of ["a", "b", "c", "unburied"]) {
        const outcome = await repository.applyInvocation(aChange({ effect: block(label) }));
        kinds.push(outcome.kind);
      }
      assert.deepEqual(kinds, ["applied", "applied", "condemned", "condemned"]);
    },
  },
  {
    name: "a stray is condemned unless a key refers to it",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      await apply(repository, { key: "live", effect: block("live") });
      await apply(repository, { key: "unused", effect: block("unused") });
      await apply(repository, { key: "unused", effect: DEL });

      const live = await repository.condemnStray(SPACE, hashOf("live"));
      const elsewhere = await repository.condemnStray(BOBS_SPACE, hashOf("live"));
      const unused = await repository.condemnStray(SPACE, hashOf("unused"));
      const unknown = await repository.condemnStray(SPACE, hashOf("unknown"));

      assert.deepEqual([live, elsewhere], [undefined, undefined]);
      assert.ok(unused && unknown);
      assert.deepEqual(await repository.unburied(10), [unused, unknown]);
      for (const { hash, grave } of [unused, unknown]) {
        const effect = { ...block(""), hash };
        const outcome = await repository.applyInvocation(aChange({ effect }));
        assert.deepEqual(outcome, { kind: "condemned", grave, buried: false });
      }
    },
  },
  {
    name: "a stray under a waiting grave keeps it, one under a buried grave gets a new one",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const first = await condemnedBlock(repository);

      const waiting = await repository.condemnStray(SPACE, first.hash);
      await repository.buryBlock(first, NOW);
      const again = await repository.condemnStray(SPACE, first.hash);

      assert.deepEqual(waiting, first);
      assert.ok(again);
      assert.notEqual(again.grave, first.grave);
      assert.deepEqual(await repository.unburied(10), [again]);
    },
  },
  {
    name: "the live blocks of a space are paged by hash, with their sizes",
    run: async ({ repository }) => {
      await host(repository, SPACE, OTHER_SPACE);
      const puts = [1, 2, 3, 4].map((i) => block(`block ${i}`, i));
      for (const [i, effect] of puts.entries()) {
        await apply(repository, { key: `${i}`, effect });
      }
      await apply(repository, { key: "0", effect: DEL });
      await apply(repository, { key: "small", effect: inline("small") });
      await apply(repository, { space: OTHER_SPACE, effect: block("elsewhere") });

      const first = await repository.blocksOf(SPACE, undefined, 2);
      const rest = await repository.blocksOf(SPACE, first.at(-1)?.hash, 2);

      const expected = puts.slice(1).map(({ hash, size }) => ({ hash, size }))
        .sort((a, b) => a.hash < b.hash ? -1 : 1);
      assert.deepEqual([...first, ...rest], expected);
    },
  },
  {
    name: "writers and a collector in any order leave every live value its block",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      for (let seed = 1; seed <= 25; seed++) await play(repository, seed);
    },
  },
  {
    name: "a closed store opened again has every grave, and gives out no grave twice",
    reopens: true,
    run: async (given) => {
      await host(given.repository, SPACE);
      const condemned = await condemnedBlock(given.repository);

      await given.reopen();

      assert.deepEqual(await given.repository.unburied(10), [condemned]);
      await given.repository.buryBlock(condemned, NOW);
      assert.equal(await given.repository.forgetGraves(NOW + 1, 10), 1);
      const { grave } = await condemnedBlock(given.repository);
      assert.notEqual(grave, condemned.grave);
    },
  },
];
