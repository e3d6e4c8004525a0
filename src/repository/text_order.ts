// The order of texts as the engines keep it: that of their UTF-8 bytes, which is that of their code
// points.

const LAST = 0x10ffff;

/**
 * The first text after all that begin with `prefix`; undefined when there is none, as after the empty
 * one. Surrogates are skipped: no text has one alone.
 */
export function nextText(prefix: string): string | undefined {
  const points = [...prefix].map((character) => character.codePointAt(0) ?? 0);
  for (let last; (last = points.pop()) !== undefined;) {
    if (last === LAST) continue;
    return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
  }
  return undefined;
}
