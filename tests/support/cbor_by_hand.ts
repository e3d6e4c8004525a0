// CBOR written by hand, so that it can be written wrongly (RFC 8949 §3).

/** An item's head in its shortest form, or in one of so many bytes after the first. */
export function head(major: number, value: number, width?: 1 | 2 | 4 | 8): Uint8Array {
  const first = major << 5;
  const wide = width ?? shortest(value);
  if (wide === 0) return Uint8Array.of(first | value);
  const view = new DataView(new ArrayBuffer(1 + wide));
  view.setUint8(0, first | { 1: 24, 2: 25, 4: 26, 8: 27 }[wide]);
  if (wide === 8) view.setBigUint64(1, BigInt(value));
  else if (wide === 4) view.setUint32(1, value);
  else if (wide === 2) view.setUint16(1, value);
  else view.setUint8(1, value);
  return new Uint8Array(view.buffer);
}

function shortest(value: number): 0 | 1 | 2 | 4 | 8 {
  if (value < 24) return 0;
  if (value < 2 ** 8) return 1;
  if (value < 2 ** 16) return 2;
  return value < 2 ** 32 ? 4 : 8;
}

export const uint = (value: number, width?: 1 | 2 | 4 | 8) => head(0, value, width);
export const bytes = (value: Uint8Array, width?: 1 | 2 | 4 | 8) =>
  joined(head(2, value.length, width), value);
export const text = (value: string, width?: 1 | 2 | 4 | 8) => {
  const utf8 = new TextEncoder().encode(value);
  return joined(head(3, utf8.length, width), utf8);
};
export const array = (items: readonly Uint8Array[]) => joined(head(4, items.length), ...items);
export const tagged = (tag: number, item: Uint8Array) => joined(head(6, tag), item);

/** A name and its value, both encoded. */
export type Pair = readonly [Uint8Array, Uint8Array];

/** A map with its pairs in the order given. */
export const map = (pairs: readonly Pair[], width?: 1 | 2 | 4 | 8) =>
  joined(head(5, pairs.length, width), ...pairs.flat());

/** A map, array, text or byte string of no stated length, of these items or pieces. */
export const indefinite = (major: 2 | 3 | 4 | 5, items: readonly Uint8Array[]) =>
  joined(Uint8Array.of((major << 5) | 31), ...items, Uint8Array.of(0xff));

/** Pairs in dag-cbor's order: shorter names first, then by their bytes. */
export function ordered(pairs: readonly Pair[]): Pair[] {
  return pairs.toSorted(([a], [b]) => {
    if (a.length !== b.length) return a.length - b.length;
    const at = a.findIndex((byte, index) => byte !== b[index]);
    return (a[at] ?? 0) - (b[at] ?? 0);
  });
}

/** The canonical encoding of texts, bytes, non-negative integers, lists and maps of them. */
export function canonical(value: unknown): Uint8Array {
  if (typeof value === "string") return text(value);
  if (typeof value === "number") return uint(value);
  if (value instanceof Uint8Array) return bytes(value);
  if (Array.isArray(value)) return array(value.map(canonical));
  return map(pairsOf(Object(value)));
}

/** A map's pairs, canonically encoded and ordered. */
export function pairsOf(value: Readonly<Record<string, unknown>>): Pair[] {
  return ordered(
    Object.entries(value).map(([name, part]) => [text(name), canonical(part)] as const),
  );
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
