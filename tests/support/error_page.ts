// docs/errors.md as data: what it says of each code.

export interface ErrorEntry {
  readonly code: string;
  readonly status: number;
  /** As they stand there; a value that differs is written `{name}`. */
  readonly sentences: readonly string[];
  /** What follows: cause and cures. */
  readonly text: string;
}

const PAGE: string = await Deno.readTextFile(new URL("../../docs/errors.md", import.meta.url));

export const ERROR_ENTRIES: readonly ErrorEntry[] = PAGE.split(/^### /m).slice(1).map((section) => {
  const [, code = "", status, told = "", text = ""] =
    /^(\w+)\n\n(\d{3}): (.+?)\n\n([^]*)$/s.exec(section) ?? [];
  // The formatter may break a line within a sentence.
  const sentences = [...told.replace(/\s+/g, " ").matchAll(/`([^`]+)`/g)]
    .map(([, sentence = ""]) => sentence);
  return { code, status: Number(status), sentences, text };
});

const SHAPES: ReadonlyMap<string, readonly RegExp[]> = new Map(
  ERROR_ENTRIES.map(({ code, sentences }) => [code, sentences.map(shapeOf)]),
);

/** The shapes of the sentences of a code; none of a code that has no entry. */
export function sentencesOf(code: string): readonly RegExp[] {
  return SHAPES.get(code) ?? [];
}

/** `{n}` stands for a number, any other name in braces for some text of one line. */
function shapeOf(sentence: string): RegExp {
  const parts = sentence.split(/(\{\w+\})/).map((part) => {
    if (part === "{n}") return "\\d+";
    return /^\{\w+\}$/.test(part) ? "[^\\r\\n]*" : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  });
  return new RegExp(`^${parts.join("")}$`);
}
