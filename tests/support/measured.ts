// Figures for people: a line that CI shows.

/** Prints `measured: …`. */
export function measured(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`measured: ${text}\n`));
}

/** Bytes in MiB. */
export function mib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

/** The middle one; of an even number the upper of the two. */
export function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? NaN;
}
