// Is there one order of what all clients saw of a key, in which everything took place at a moment
// between its question and its answer? After Wing and Gong (1993), with what was tried kept in mind.

/** What a key holds: the name of a value, or nothing. */
export type Held = string | undefined;

export interface Seen {
  readonly begun: number;
  /** Infinity when nobody heard the end. */
  readonly ended: number;
  readonly what:
    | { readonly kind: "write"; readonly to: Held }
    | { readonly kind: "read"; readonly found: Held }
    /** A deletion that found something to delete. */
    | { readonly kind: "remove" };
  /** It may not have taken place. */
  readonly isUnknown?: boolean;
}

/** Whether there is such an order, from a key that holds nothing. */
export function isLinearizable(seen: readonly Seen[]): boolean {
  const all = seen.toSorted((a, b) => a.begun - b.begun);
  const tried = new Set<string>();
  const done = new Uint8Array(all.length);

  function search(held: Held, left: number): boolean {
    if (left === 0) return true;
    const state = `${done.join("")} ${held}`;
    if (tried.has(state)) return false;
    tried.add(state);
    // Whatever comes next has begun before anything that is left has ended.
    let firstEnd = Infinity;
    let certain = 0;
    all.forEach(({ ended, isUnknown }, index) => {
      if (done[index] === 1) return;
      firstEnd = Math.min(firstEnd, ended);
      if (isUnknown !== true) certain++;
    });
    if (certain === 0) return true;
    for (const [index, { begun, what }] of all.entries()) {
      if (begun > firstEnd) break;
      if (done[index] === 1) continue;
      const after = next(held, what);
      if (after === undefined) continue;
      done[index] = 1;
      if (search(after.held, left - 1)) return true;
      done[index] = 0;
    }
    return false;
  }

  return search(undefined, all.length);
}

function next(held: Held, what: Seen["what"]): { readonly held: Held } | undefined {
  switch (what.kind) {
    case "write":
      return { held: what.to };
    case "read":
      return what.found === held ? { held } : undefined;
    case "remove":
      return held === undefined ? undefined : { held: undefined };
  }
}
