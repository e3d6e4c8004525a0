// What somebody who mistyped a name probably meant.

const MAX_EDITS = 3;
const MAX_CHARACTERS = 64;

/** The known name that is fewest edits away; undefined when none is near. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  if (name.length > MAX_CHARACTERS) return undefined;

  let best: string | undefined;
  let fewest = Math.min(MAX_EDITS, Math.ceil(name.length / 3)) + 1;
  for (const candidate of known) {
    const edits = editsBetween(name, candidate);
    if (edits < fewest) [best, fewest] = [candidate, edits];
  }
  return best;
}

/** Letters to insert, delete or replace on the way from one to the other (Levenshtein). */
function editsBetween(from: string, to: string): number {
  // row[i]: the edits from the first i letters of `from` to the letters of `to` seen so far.
  let row = Array.from({ length: from.length + 1 }, (_, index) => index);
  let edits = from.length;
  for (const letter of to) {
    let diagonal = NaN;
    row = row.map((above, index) => {
      const replaced = diagonal + (from.charAt(index - 1) === letter ? 0 : 1);
      edits = index === 0 ? above + 1 : Math.min(above + 1, edits + 1, replaced);
      diagonal = above;
      return edits;
    });
  }
  return edits;
}
