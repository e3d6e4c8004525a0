// A histogram with one label at most, for what is observed several times in each request: the
// library's own (prom-client 15.1.3) sorts and joins the labels anew each time, which costs ten times
// as much.

/** One line of the text format, as the library's registry takes it. */
interface Sample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

interface Series {
  /** How many fell into each bucket alone, and beyond the last. */
  readonly counts: Float64Array;
  sum: number;
}

export class Histogram {
  readonly name: string;
  readonly #help: string;
  readonly #label: string | undefined;
  readonly #buckets: readonly number[];
  readonly #series = new Map<string, Series>();

  /** `buckets`: upper bounds, ascending. Without a label the series is there from the start. */
  constructor(name: string, help: string, label: string | undefined, buckets: readonly number[]) {
    this.name = name;
    this.#help = help;
    this.#label = label;
    this.#buckets = buckets;
    if (label === undefined) this.#seriesOf("");
  }

  /** Takes no notice of what cannot be added up. The label must be one of few. */
  observe(value: number, label = ""): void {
    if (!(value >= 0 && value < Infinity)) return;
    const series = this.#seriesOf(label);
    let bucket = 0;
    while (value > (this.#buckets[bucket] ?? Infinity)) bucket++;
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
    series.sum += value;
  }

  /** What the registry asks for at a scrape. */
  get(): object {
    const values = [...this.#series].flatMap(([label, series]) => this.#samples(label, series));
    return { name: this.name, help: this.#help, type: "histogram", values, aggregator: "sum" };
  }

  #seriesOf(label: string): Series {
    const known = this.#series.get(label);
    if (known !== undefined) return known;
    const series = { counts: new Float64Array(this.#buckets.length + 1), sum: 0 };
    this.#series.set(label, series);
    return series;
  }

  #samples(label: string, { counts, sum }: Series): readonly Sample[] {
    const labels = this.#label === undefined ? {} : { [this.#label]: label };
    let count = 0;
    const buckets = [...counts].map((own, index): Sample => {
      count += own;
      const le = this.#buckets[index] ?? "+Inf";
      return { metricName: `${this.name}_bucket`, labels: { le, ...labels }, value: count };
    });
    return [
      ...buckets,
      { metricName: `${this.name}_sum`, labels, value: sum },
      { metricName: `${this.name}_count`, labels, value: count },
    ];
  }
}
