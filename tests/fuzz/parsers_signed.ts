// Keeps what the fuzzer signed, so that a forgery is told from a signature.

const MAX_RECENT = 1_000;

export class Signed {
  readonly #samples: ReadonlySet<string>;
  readonly #recent = new Set<string>();

  constructor(samples: readonly string[]) {
    this.#samples = new Set(samples);
  }

  /** Known until a thousand others were signed: an input is checked right after it is made. */
  add(text: string): void {
    if (this.#recent.size >= MAX_RECENT) this.#recent.clear();
    this.#recent.add(text);
  }

  has(text: string): boolean {
    return this.#samples.has(text) || this.#recent.has(text);
  }
}

/** Orders of the curves' groups (SEC 2): of a signature with s, there is another with n − s. */
const ORDERS = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  ES256K: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
} as const;

/** The 64 bytes r ‖ s with n − s for s. */
export function withOtherS(signature: Uint8Array, algorithm: keyof typeof ORDERS): Uint8Array {
  const s = BigInt(`0x${signature.subarray(32).toHex()}`);
  const other = (ORDERS[algorithm] - s).toString(16).padStart(64, "0");
  return Uint8Array.of(...signature.subarray(0, 32), ...Uint8Array.fromHex(other));
}
