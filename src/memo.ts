// Remembers results that never change for their key, up to a bound: then it starts afresh, which
// costs a little and needs no order to be kept.

/** `make`, but each key's result is made once while at most `max` are remembered. A throw is not. */
export function memo<K, V>(max: number, make: (key: K) => V): (key: K) => V {
  return memoBy(max, (key) => key, make);
}

/** The same for inputs that a part of them names: whatever has the same key has the same result. */
export function memoBy<I, K, V>(
  max: number,
  keyOf: (input: I) => K,
  make: (input: I) => V,
): (input: I) => V {
  const results = new Map<K, V>();
  return (input) => {
    const key = keyOf(input);
    const known = results.get(key);
    if (known !== undefined) return known;
    const made = make(input);
    if (results.size >= max) results.clear();
    results.set(typeof key === "string" ? detached(key) : key, made);
    return made;
  };
}

/** The same text in memory of its own: a slice would keep the whole that it was cut from. */
function detached<K extends string>(key: K): K {
  return decoder.decode(encoder.encode(key)) as K;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
