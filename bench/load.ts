// A bounded load: so many requests over so many connections, each as soon as the one before it on
// its connection is answered.

export interface Load {
  readonly microsecondsOfCpu: number;
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** `send` makes and reads one request; its number tells which of the prepared ones. */
export async function run(
  count: number,
  connections: number,
  cpu: () => Promise<number>,
  send: (at: number) => Promise<void>,
): Promise<Load> {
  const times: number[] = [];
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const at = next++;
      const begun = performance.now();
      await send(at);
      times.push(performance.now() - begun);
    }
  };
  const before = await cpu();
  const begun = performance.now();
  await Promise.all(Array.from({ length: connections }, lane));
  const seconds = (performance.now() - begun) / 1000;
  const used = await cpu() - before;
  return {
    microsecondsOfCpu: used / count,
    perSecond: count / seconds,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
  };
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
