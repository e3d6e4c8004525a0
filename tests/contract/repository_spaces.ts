// One space and its operator: what it holds, its own limit, blocking, erasing, loading.

import assert from "node:assert/strict";
import type { Case } from "./repository_contract.ts";
import { aChange, aRead, block, DEL, host, inline, SPACE } from "./repository_samples.ts";

export const spaceCases: readonly Case[] = [
  {
    name: "a blocked space takes no change and no read, and loses nothing",
    async run({ repository }) {
      await host(repository, SPACE);
      await repository.applyInvocation(aChange({ key: "k", effect: inline("here") }));

      assert.equal(await repository.setSpaceState(SPACE, "open", "blocked"), true);

      const change = await repository.applyInvocation(aChange({ key: "k", effect: DEL }));
      const read = await repository.admitRead(aRead({ space: SPACE, key: "k" }));
      const list = await repository.admitRead(aRead({ space: SPACE }));
      assert.deepEqual([change.kind, read.kind, list.kind], ["closed", "closed", "closed"]);
      const { usage } = await repository.standing({ identities: [], space: SPACE });
      assert.equal(usage?.isClosed, true);

      assert.equal(await repository.setSpaceState(SPACE, "blocked", "open"), true);
      const again = await repository.admitRead(aRead({ space: SPACE, key: "k" }));
      assert.equal(again.kind, "admitted");
    },
  },
  {
    name: "an erased space is gone with its keys, events and blocks, and may be hosted anew",
    async run({ repository, now }) {
      await host(repository, SPACE);
      for (const key of ["a", "b", "c"]) {
        await repository.applyInvocation(aChange({ key, effect: block(key) }));
      }
      const { usage } = await repository.standing({ identities: [], space: SPACE });
      assert.equal(await repository.eraseKeys(SPACE, 10), 0);
      await repository.setSpaceState(SPACE, "open", "erasing");

      assert.equal(await repository.eraseKeys(SPACE, 2), 2);
      assert.equal(await repository.eraseKeys(SPACE, 2), 1);
      assert.equal((await repository.eraseEvents(SPACE, 0, 1_000)).found, 3);
      await repository.eraseDelegations(SPACE, 0, 100);
      assert.equal(await repository.eraseSpace(SPACE), false);
      for (const dead of await repository.condemnBlocks(10)) await repository.buryBlock(dead, now);
      assert.equal(await repository.eraseSpace(SPACE), true);

      assert.equal(await repository.spaceFacts(SPACE), undefined);
      assert.equal(await repository.spaceCount(), 0);
      await host(repository, SPACE);
      const effect = block("a");
      const late = { ...effect, content: { kind: "block", hosting: usage?.hosting ?? 0 } } as const;
      const outcome = await repository.applyInvocation(aChange({ key: "a", effect: late }));
      assert.equal(outcome.kind, "noSpace");
    },
  },
];
