// The metrics that a scrape can read. The library's import costs 50 to 90 ms, so it is left until
// the node listens, and what is observed until then is kept.

import type { InstrumentOptions, Instruments } from "./instruments.ts";
import { forwarding, type Metrics } from "./metrics.ts";

export interface ExportedMetrics extends Metrics, Disposable {
  /** Loads the library and takes in what was observed before. Rejects if it can't be loaded. */
  load(): Promise<void>;
  /** All metrics in the Prometheus text format, loading first. */
  text(): Promise<string>;
}

/** Far more than what a node can answer while the library loads. */
const MAX_PENDING = 10_000;

/** Until `load` has ended at most 10,000 observations are kept; those beyond are lost. */
export function createMetrics(options: InstrumentOptions): ExportedMetrics {
  const pending: ((metrics: Metrics) => void)[] = [];
  let disposed = false;
  let loaded: Instruments | undefined;
  let loading: Promise<Instruments> | undefined;

  async function load(): Promise<Instruments> {
    const { createInstruments } = await import("./instruments.ts");
    loaded = createInstruments(options);
    if (disposed) loaded[Symbol.dispose]();
    for (const observe of pending.splice(0)) observe(loaded);
    return loaded;
  }

  const metrics = forwarding((observe) => {
    if (loaded !== undefined) observe(loaded);
    else if (pending.length < MAX_PENDING) pending.push(observe);
  });

  return {
    ...metrics,
    load: async () => void await (loading ??= load()),
    text: async () => (await (loading ??= load())).text(),
    [Symbol.dispose]() {
      disposed = true;
      loaded?.[Symbol.dispose]();
    },
  };
}
