// Remembers results that never change for their key, up to a bound: then it starts afresh, which
// costs a little and needs no order to be kept.

/** `make`, but each key's result is made once while at most `max` are remembered. A throw is not. */
export function memo<K, V>(max: number, make: (key: K) => V): (key: K) => V {
  const results = new Map<K, V>();
  return (key) => {
    const known = results.get(key);
    if (known !== undefined) return known;
    const made = make(key);
    if (results.size >= max) results.clear();
    results.set(key, made);
    return made;
  };
}
