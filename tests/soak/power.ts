import assert from "node:assert/strict";
import { failAt, failuresOf, killAt, KINDS, Life, pointsOf } from "../faults/fault_points.ts";
import { runLoad } from "../faults/power/load.ts";
import { allCuts, judgedBy, replay, strictCuts } from "../faults/power/replay.ts";
import { measured } from "../support/measured.ts";

Deno.test("1: a power cut after any step of a long load loses nothing acknowledged", async () => {
  const seed = Number(Deno.env.get("SOAK_SEED") ?? 2);
  const load = await runLoad({ seed, requests: 50, clients: 3 });
  const { steps, history } = load;

  const { cuts, complaint } = await replay(load, {
    judge: judgedBy(history, steps),
    cuts: (step, count) => [...strictCuts(step), ...allCuts(count, seed)],
  });

  assert.equal(complaint, undefined);
  measured(`${cuts} power cuts in ${steps.length} steps, ${history.acknowledged} acknowledged`);
});

for (const kind of KINDS) {
  Deno.test(`1, 2: every step of ${kind.name}, cut off and failing`, async () => {
    await using life = await Life.begin();
    for (const point of pointsOf(kind, true)) {
      await killAt(life, kind, point);
      for (const error of failuresOf(point)) await failAt(life, kind, point, error);
    }
    await life.assertTidy();
  });
}
