// Chance that comes out the same each time: numbers and bytes from a seed.

export interface Random {
  /** A whole number from 0 up to and without `limit`. */
  below(limit: number): number;
  pick<T>(choices: readonly [T, ...T[]]): T;
  /** So many bytes that nobody can guess or compress. */
  bytes(size: number): Uint8Array<ArrayBuffer>;
}

/** Marsaglia's xorshift of 32 bits: no secret may come from it. */
export function seeded(seed: number): Random {
  // Neighbouring seeds are spread first, and zero would stay zero.
  let state = Math.imul(seed + 1, 0x9e3779b1) || 1;
  function next(): number {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  }
  function below(limit: number): number {
    return next() % limit;
  }
  return {
    below,
    pick: (choices) => choices[below(choices.length)] ?? choices[0],
    bytes(size) {
      const words = new Uint32Array(Math.ceil(size / 4));
      for (let index = 0; index < words.length; index++) words[index] = next();
      return new Uint8Array(words.buffer, 0, size);
    },
  };
}
