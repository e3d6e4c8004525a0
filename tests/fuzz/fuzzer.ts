/**
 * What `tests/fuzz/main.ts` runs in rounds: a search for a counter-example that a seed repeats.
 */

export interface Fuzzer {
  readonly name: string;

  /**
   * One round from this seed; what was tried, by kind. Throws on a finding, with everything needed
   * to repeat it.
   */
  round(seed: number): Promise<Readonly<Record<string, number>>>;
}
