// How the numbers of a script become things.

/** Of what is always there. */
export function nth<T>(of: readonly [T, ...T[]], choice: number): T {
  return of[choice % of.length] ?? of[0];
}

/** Counted from the last; undefined if there is none. */
export function newest<T>(of: readonly T[], choice: number): T | undefined {
  return of[of.length - 1 - choice % of.length];
}
