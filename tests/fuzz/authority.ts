// Who may do what: random scripts, answered by a node and by the oracle of wire §1, §2, §4 and
// §6 to §8, which must say the same each time.

import fc from "fast-check";
import { ask, assertOk } from "../support/asking.ts";
import { startTestNode, type TestNode } from "../support/node.ts";
import { SPACES_PER_OWNER } from "./cast.ts";
import type { Fuzzer } from "./fuzzer.ts";
import { play, replay } from "./play.ts";
import { type Script, script } from "./script.ts";
import { Difference, type Played, type Stage } from "./world.ts";

/** Scripts a round: some seconds. */
const SCRIPTS_A_ROUND = 40;
/** How long a counter-example is made smaller, at most. */
const MAX_SHRINKING_MS = 60_000;
/** Unix seconds at which the clock of every round begins. */
const BEGIN = 1_800_000_000;

/** The property, of whatever node stands on the stage. */
export function authorityProperty(stage: Stage): fc.IAsyncProperty<[Script]> {
  return fc.asyncProperty(script, (one) => play(stage, one));
}

/**
 * So many scripts from this seed; how many answers of each kind were compared. Throws what the
 * node and the oracle differ on, with the shortest script that was found to show it.
 */
export async function checkAuthority(
  seed: number,
  scripts: number,
): Promise<Readonly<Record<string, number>>> {
  await using node = await aNode();
  const stage = await onStage(node);
  // Steps name others by their place, so the acts that came of them shrink better than they do.
  const result = await fc.check(authorityProperty(stage), {
    seed,
    numRuns: scripts,
    endOnFailure: true,
  });
  if (!result.failed) return Object.fromEntries(stage.tally);
  const { errorInstance: error } = result;
  if (!(error instanceof Difference)) throw error;
  const { message } = await smallest(error);
  throw new Error(
    `authority: seed ${seed}, script ${result.numRuns} of ${scripts}, after ` +
      `${compared(stage.tally)} invocations: ${message}`,
  );
}

export const authorityFuzzer: Fuzzer = {
  name: "authority",
  round: (seed) => checkAuthority(seed, SCRIPTS_A_ROUND),
};

/** How many of these answers are invocations'. */
export function compared(tally: Iterable<readonly [kind: string, count: number]>): number {
  return [...tally].reduce(
    (sum, [kind, count]) => kind.startsWith("invoke ") ? sum + count : sum,
    0,
  );
}

/** Leaves out whatever can be left out, in ever smaller pieces; the last act is the one at fault. */
async function smallest(found: Difference): Promise<Difference> {
  const giveUpAt = performance.now() + MAX_SHRINKING_MS;
  let best = await differenceIn(found.played) ?? found;
  for (let size = best.played.acts.length >> 1; size > 0; size >>= 1) {
    for (let at = best.played.acts.length - 1; at > 0; at -= size) {
      if (performance.now() > giveUpAt) return best;
      const { acts, ...world } = best.played;
      const from = Math.max(0, at - size);
      const fewer = [...acts.slice(0, from), ...acts.slice(at)];
      best = await differenceIn({ ...world, acts: fewer }) ?? best;
    }
  }
  return best;
}

async function differenceIn(played: Played): Promise<Difference | undefined> {
  await using node = await aNode();
  try {
    await replay(await onStage(node), played);
    return undefined;
  } catch (error) {
    if (error instanceof Difference) return error;
    throw error;
  }
}

/** Its secret is always the same, so that its DIDs are. */
function aNode(): Promise<TestNode> {
  return startTestNode({
    env: {
      TINYCLOUD_KEYS_SECRET: "A".repeat(43),
      TINYCLOUD_SPACES_KEY_OWNERS: "true",
      TINYCLOUD_SPACES_PER_OWNER: String(SPACES_PER_OWNER),
      TINYCLOUD_STORAGE_DURABILITY: "normal",
      TINYCLOUD_LOG_LEVEL: "normal",
    },
  });
}

async function onStage(node: TestNode): Promise<Stage> {
  const { nodeId } = JSON.parse(assertOk(await ask(node, "/info", { method: "GET" })).text);
  return { node, nodeId: String(nodeId), tally: new Map(), now: BEGIN, played: 0 };
}
