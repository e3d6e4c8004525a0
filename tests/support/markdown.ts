// Markdown as far as tests of the docs need it: links, headings, and what is set as code.

/** Without what only the writer sees. */
function visible(text: string): string {
  return text.replace(/<!--[^]*?-->/g, "");
}

/** Fenced blocks, with the language they name. */
export function fences(text: string): { readonly language: string; readonly code: string }[] {
  return [...visible(text).matchAll(/^( *)(```+)(\w*)[^\n]*\n([^]*?)^\1\2$/gm)]
    .map(([, , , language = "", code = ""]) => ({ language, code }));
}

function withoutFences(text: string): string {
  return visible(text).replace(/^( *)(```+)[^]*?^\1\2$/gm, "");
}

/** What stands in backticks within a line. */
export function inlineCode(text: string): string[] {
  return [...withoutFences(text).matchAll(/(?<!`)`([^`]+)`(?!`)/g)]
    // The formatter breaks long ones; a table has its bars escaped.
    .map(([, code = ""]) => code.replace(/\s+/g, " ").replaceAll("\\|", "|"));
}

/** Where links and pictures lead to. */
export function targets(text: string): string[] {
  const prose = withoutFences(text).replace(/(?<!`)`[^`]+`(?!`)/g, "");
  const inline = [...prose.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g)];
  const defined = [...prose.matchAll(/^\[[^\]]+\]:\s*<?(\S+?)>?$/gm)];
  return [...inline, ...defined].map(([, target = ""]) => target);
}

/** The anchors of headings, as GitHub makes them. */
export function anchors(text: string): Set<string> {
  const found = new Set<string>();
  for (const [, heading = ""] of withoutFences(text).matchAll(/^#{1,6} +(.+?)#*$/gm)) {
    const shown = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").trim().toLowerCase();
    const slug = shown.replace(/[^\p{L}\p{N}\p{M}_ -]/gu, "").replaceAll(" ", "-");
    let name = slug;
    for (let count = 1; found.has(name); count++) name = `${slug}-${count}`;
    found.add(name);
  }
  return found;
}
