// Each step of each kind of request, cut off or failing (adversary.md, 3). The soak has all of them.

import {
  collect,
  COLLECTIONS,
  failAt,
  failuresOf,
  killAt,
  KINDS,
  Life,
  pointsOf,
} from "./fault_points.ts";
import { recordingTest } from "./power/recording.ts";

for (const kind of KINDS) {
  recordingTest(`1, 2: killed at each step of ${kind.name}`, async (t) => {
    await using life = await Life.begin();
    for (const point of pointsOf(kind, false)) {
      await t.step(point.name, () => killAt(life, kind, point));
    }
    await life.assertTidy();
  });

  recordingTest(`1, 2: a failing call at each step of ${kind.name}`, async (t) => {
    await using life = await Life.begin();
    for (const point of pointsOf(kind, false)) {
      for (const error of failuresOf(point)) {
        await t.step(`${point.name}: ${error}`, () => failAt(life, kind, point, error));
      }
    }
    await life.assertTidy();
  });
}

recordingTest("5: a collection that is cut off or fails is ended by the next", async (t) => {
  await using life = await Life.begin({ TINYCLOUD_STORAGE_GC_INTERVAL: "1 s" });
  for (const { name, action } of COLLECTIONS) {
    await t.step(name, () => collect(life, action));
  }
  await life.assertTidy();
});
