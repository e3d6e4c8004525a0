// Numbers with a unit: byte sizes and lengths of time.

const BYTES: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["b", 1],
  ["kb", 1e3],
  ["mb", 1e6],
  ["gb", 1e9],
  ["tb", 1e12],
  ["kib", 2 ** 10],
  ["mib", 2 ** 20],
  ["gib", 2 ** 30],
  ["tib", 2 ** 40],
]);

const MILLISECONDS: ReadonlyMap<string, number> = new Map([
  ["", 1_000],
  ["ms", 1],
  ["s", 1_000],
  ["min", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/** The bytes of `10 MiB`, `5kB`, `1.5 GB` or a bare number; undefined when it is no size. */
export function parseBytes(raw: unknown): number | undefined {
  return parseQuantity(raw, BYTES);
}

/** The milliseconds of `10 min`, `250ms` or a bare number of seconds; undefined when it is none. */
export function parseMilliseconds(raw: unknown): number | undefined {
  return parseQuantity(raw, MILLISECONDS);
}

/** Rounded to whole units; undefined when malformed or beyond 2^53 - 1. */
function parseQuantity(raw: unknown, units: ReadonlyMap<string, number>): number | undefined {
  if (typeof raw !== "string" && typeof raw !== "number") return undefined;

  const [, number, unit = ""] = /^(\d{1,16}(?:\.\d{1,16})?) ?([a-z]*)$/i.exec(String(raw)) ?? [];
  // An unknown unit, or no match at all, makes this NaN.
  const amount = Math.round(Number(number) * Number(units.get(unit.toLowerCase())));
  return Number.isSafeInteger(amount) ? amount : undefined;
}
