// HTML out of values: whatever is put into it is escaped here and nowhere else.

/** Text that is HTML already. Only `html` makes it, so no value passes for it. */
class Html {
  constructor(readonly text: string) {}
}
export type { Html };

/** What may be put into HTML: text, which is escaped, or HTML, which is not. */
export type Value = string | Html | readonly Html[];

/** A piece of HTML; its values may stand between tags and in quoted attributes. */
export function html(pieces: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(pieces.map((piece, index) => piece + rendered(values[index] ?? "")).join(""));
}

/**
 * A page with marks such as `{{ version }}`, as a function from their values to the page. Throws when a
 * mark has no value.
 */
export function template(source: string): (values: Readonly<Record<string, Value>>) => string {
  // Every second piece is the name of a mark.
  const pieces = source.split(/\{\{ (\w+) \}\}/);
  return (values) =>
    pieces.map((piece, index) => {
      if (index % 2 === 0) return piece;
      const value = values[piece];
      if (value === undefined) throw new TypeError(`The page lacks its ${piece}`);
      return rendered(value);
    }).join("");
}

function rendered(value: Value): string {
  if (typeof value === "string") return escape(value);
  return value instanceof Html ? value.text : value.map(({ text }) => text).join("");
}

const ESCAPED: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ESCAPED[character] ?? "");
}
