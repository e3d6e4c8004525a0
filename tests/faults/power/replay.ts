// Power cuts after any number of steps, and what is left then.

import { Disk, drawn, type Fate, KILLED, NAMES, REAR, STRICT } from "./disk.ts";
import type { History } from "./history.ts";
import { judge } from "./judge.ts";
import type { Recording, Step } from "./recording.ts";
import { makeShelf, type Shelf } from "./shelf.ts";
import { type Site, sitesOf } from "./sites.ts";
import { storageBelow } from "./storage.ts";

/** What becomes of what was not synced, with a name for people. */
export type Cut = readonly [name: string, fate: Fate];

/** What is wrong with the folder that a cut after so many steps left. */
export type Judge = (shelf: Shelf, count: number, isThorough: boolean) => Promise<
  readonly string[]
>;

export interface ReplayOptions {
  readonly judge: Judge;
  /** The cuts to try after so many steps, before that step; at the end there is none. */
  readonly cuts: (step: Step | undefined, count: number) => readonly Cut[];
  /** Syncs for this do nothing. */
  readonly without?: Site | undefined;
  /** By then the system has written everything out by itself; cuts come after it. */
  readonly settled?: number;
}

export interface Replayed {
  readonly cuts: number;
  /** The first thing that was lost. */
  readonly complaint: string | undefined;
}

/** Until something is lost, or to the end. */
export async function replay(recording: Recording, options: ReplayOptions): Promise<Replayed> {
  await using shelf = await makeShelf();
  const { steps, root } = recording;
  const { without, settled = 0 } = options;
  const sites = without === undefined ? new Map<number, Site>() : sitesOf(recording);
  const disk = new Disk(root);
  let cuts = 0;
  for (let count = 0; count <= steps.length; count++) {
    if (count === settled && count > 0) disk.settle();
    const step = steps[count];
    for (const [name, fate] of count < settled ? [] : options.cuts(step, count)) {
      shelf.lay(disk.survivors(fate));
      const [first] = await options.judge(shelf, count, cuts++ % THOROUGH_EVERY === 0);
      if (first === undefined) continue;
      const what = first.replaceAll(shelf.path, "");
      return { cuts, complaint: `${what}; ${name}, ${told(steps, count, root)}` };
    }
    if (step !== undefined && (without === undefined || sites.get(count) !== without)) {
      disk.apply(step);
    }
  }
  return { cuts, complaint: undefined };
}

const THOROUGH_EVERY = 10;
const TOLD = 6;

/** The last steps before the cut. */
function told(steps: readonly Step[], count: number, root: string): string {
  const last = steps.slice(Math.max(0, count - TOLD), count).map((step) => {
    const { kind, path = "", to = "", inode = "" } = step as unknown as Record<string, string>;
    return `${kind} ${(path || to).replace(root, "") || inode}`.trim();
  });
  return `after step ${count} of ${steps.length}: ${last.join(", ")}`;
}

/** What was acknowledged up to then is there; of what was acknowledged later than `until`, nothing has to be. */
export function judgedBy(history: History, steps: readonly Step[], until = Infinity): Judge {
  const expectedAfter = history.after(steps);
  return (shelf, count, isThorough) =>
    judge(storageBelow(shelf.path), expectedAfter(Math.min(count, until)), {
      isProven: shelf.isProven,
      isThorough,
    });
}

/**
 * Nothing survives that was not synced: a state lasts from sync to sync, and at its end most has been
 * acknowledged. So this is every such state there is.
 */
export function strictCuts(step: Step | undefined): readonly Cut[] {
  return step === undefined || step.kind === "sync" ? [["strict", STRICT]] : [];
}

/** Each time another fate by chance, and those that are extreme. */
export function allCuts(count: number, seed: number, drawnTimes = 1): readonly Cut[] {
  const byChance = Array.from({ length: drawnTimes }, (_, time): Cut => {
    const own = (seed * 1_000_003 + count) * 31 + time;
    return [`seed ${own}`, drawn(own, count)];
  });
  return [["killed", KILLED], ["names alone", NAMES], ["rear alone", REAR], ...byChance];
}

/** Steps after which much can be lost, or come back. */
export function isBoundary(step: Step | undefined): boolean {
  return step === undefined || step.kind === "sync" || step.kind === "rename" ||
    step.kind === "link" || step.kind === "remove" || step.kind === "size";
}
