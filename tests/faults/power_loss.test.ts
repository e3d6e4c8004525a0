// Power cuts (invariant 1, adversary.md, 3): a load is recorded, call by call, and cut off after any
// of them; what was not synced may be lost, and nothing that was acknowledged is. Without any one of
// the syncs, something is: docs/durability.md lists them.

import assert from "node:assert/strict";
import { blake3Hex } from "../../src/blake3.ts";
import { measured } from "../support/measured.ts";
import { seeded } from "../support/random.ts";
import { Disk, KILLED, NAMES, REAR } from "./power/disk.ts";
import { migrationJudge } from "./power/migration.ts";
import { type Load, runCollection, runLoad, runMigration } from "./power/load.ts";
import { type Recording, recordingTest, type Step } from "./power/recording.ts";
import {
  allCuts,
  type Cut,
  isBoundary,
  type Judge,
  judgedBy,
  replay,
  strictCuts,
} from "./power/replay.ts";
import { COPY_SITES, type Site, SITES, sitesOf } from "./power/sites.ts";

const SEED = 1;
/** Of the steps that are no boundary, one in so many is looked at. */
const SAMPLE = 10;

let load: Promise<Load> | undefined;

/** One test on the one load. */
function loadTest(name: string, fn: (load: Load) => Promise<void>): void {
  recordingTest(name, async () => {
    await fn(await (load ??= runLoad({ seed: SEED, requests: 30, clients: 3 })));
  });
}

loadTest("the record holds all that was done to the disk", ({ root, steps, files }) => {
  const disk = new Disk(root);
  for (const step of steps) disk.apply(step);

  const replayed = [...disk.survivors(KILLED).files]
    .filter(([path]) => !path.endsWith("-shm"))
    .map(([path, { bytes }]) => [path, blake3Hex(bytes())] as const);

  assert.deepEqual(new Map(replayed.sort()), new Map([...files].sort()));
  return Promise.resolve();
});

loadTest(
  "1: a power cut at any moment loses nothing acknowledged, and tears nothing",
  async (load) => {
    const { history, steps } = load;
    const random = seeded(SEED);
    const begun = performance.now();

    const { cuts, complaint } = await replay(load, {
      judge: judgedBy(history, steps),
      cuts: (step, count) => {
        const isLooked = isBoundary(step) || random.below(SAMPLE) === 0;
        const others = isLooked ? [random.pick(asChoice(allCuts(count, SEED)))] : [];
        return [...strictCuts(step), ...others];
      },
    });

    assert.equal(complaint, undefined);
    assert.ok(history.acknowledged > 120, `only ${history.acknowledged} were acknowledged`);
    const perSecond = Math.round(cuts / (performance.now() - begun) * 1000);
    measured(`${cuts} power cuts in ${steps.length} steps, ${perSecond} a second`);
  },
);

for (const site of SITES) {
  loadTest(`1: without the sync of ${site}, a power cut loses something`, async (load) => {
    await assertMissed(load, site, judgedBy(load.history, load.steps));
  });
}

recordingTest(
  "a copy before a migration is whole, and there once anybody is told of it",
  async () => {
    const recording = await runMigration();
    const judge = migrationJudge(recording);

    const { complaint } = await replay(recording, {
      judge,
      cuts: (_, count) => allCuts(count, SEED),
    });

    assert.equal(complaint, undefined);
    for (const site of COPY_SITES) await assertMissed(recording, site, judge);
  },
);

recordingTest(
  "a block is not removed before its condemnation is durable, in normal durability",
  async () => {
    const load = await runCollection();
    const { history, steps, settled } = load;
    const judge = judgedBy(history, steps, settled);
    const cuts = (step: Step | undefined, count: number) =>
      isBoundary(step) ? allCuts(count, SEED) : [];

    assert.equal((await replay(load, { judge, settled, cuts })).complaint, undefined);
    const { complaint } = await replay(load, { judge, settled, cuts, without: "the log" });

    assert.match(complaint ?? "", /has lost its block/);
  },
);

/** How many syncs after one that is left out are looked at more closely. */
const CLOSER = 3;
const CLOSER_CUTS: readonly Cut[] = [["names alone", NAMES], ["rear alone", REAR]];

/** With the syncs of that site left out, a cut loses something. */
async function assertMissed(recording: Recording, site: Site, judge: Judge): Promise<void> {
  const sites = sitesOf(recording);
  const leftOut = [...sites.values()].filter((each) => each === site).length;
  assert.ok(leftOut > 0, `nothing was synced for ${site}`);
  let closer = 0;

  const { complaint } = await replay(recording, {
    without: site,
    judge,
    cuts(step, count) {
      if (step?.kind !== "sync") return strictCuts(step);
      const cuts: readonly Cut[] = closer > 0 ? CLOSER_CUTS : [];
      closer = sites.get(count) === site ? CLOSER : closer - 1;
      return [...strictCuts(step), ...cuts];
    },
  });

  assert.ok(complaint, `the ${leftOut} syncs of ${site} are not missed`);
  measured(`without ${leftOut} syncs of ${site}: ${complaint.split(";")[0]}`);
}

function asChoice(cuts: readonly Cut[]): readonly [Cut, ...Cut[]] {
  const [first, ...rest] = cuts;
  assert.ok(first);
  return [first, ...rest];
}
