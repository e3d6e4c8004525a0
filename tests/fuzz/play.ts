// Plays a script on a node and in the oracle, and stops where the two differ.

import { castFrom } from "./cast.ts";
import { newest } from "./choosing.ts";
import {
  againMove,
  fillMoves,
  grantMove,
  hostMove,
  invokeMove,
  linkMove,
  postMove,
  tickMove,
} from "./moves.ts";
import { revokeMove } from "./revoking.ts";
import type { Chain, Fill, Script, Step } from "./script.ts";
import { type Act, type Played, type Stage, World } from "./world.ts";

/** Plays on a stage where others have played before. Throws a Difference. */
export async function play(stage: Stage, script: Script): Promise<void> {
  stage.now = Math.ceil(stage.now) + 1;
  // Nobody that an earlier script on this node knew.
  const castSeed = `${script.seed}/${stage.played++}`;
  const world = new World(stage, await castFrom(stage.node, castSeed), castSeed);
  for (const step of script.steps) {
    if (step.step === "chain") await forge(world, step);
    else for (const act of movesOf(world, step)) await world.perform(act);
  }
}

/** Plays again what was done, on a new stage. Throws a Difference. */
export async function replay(stage: Stage, { castSeed, begin, acts }: Played): Promise<void> {
  stage.now = begin;
  const world = new World(stage, await castFrom(stage.node, castSeed), castSeed);
  for (const act of acts) await world.perform(act);
}

function movesOf(world: World, step: Exclude<Step, Chain>): readonly Act[] {
  if (step.step === "fill") return fillMoves(world, step);
  const act = moveOf(world, step);
  return act === undefined ? [] : [act];
}

function moveOf(world: World, step: Exclude<Step, Chain | Fill>): Act | undefined {
  switch (step.step) {
    case "host":
      return hostMove(world, step);
    case "grant":
      return grantMove(world, step);
    case "post":
      return postMove(world, step);
    case "invoke":
      return invokeMove(world, step);
    case "again":
      return againMove(world, step);
    case "revoke":
      return revokeMove(world, step);
    case "tick":
      return tickMove(world, step);
  }
}

/** Link by link, while they are accepted. Links of an owner have no ancestors, so they are counted too. */
async function forge(world: World, step: Chain): Promise<void> {
  const { accepted } = world.model;
  let last = newest(world.held(true, ({ kind }) => kind === "key"), step.from);
  for (let links = 0; last !== undefined && links <= step.ancestors; links++) {
    const link = linkMove(world, last, step);
    const before = accepted.length;
    if (link === undefined) return;
    await world.perform(link);
    if (accepted.length === before) return;
    last = accepted.at(-1);
  }
}
