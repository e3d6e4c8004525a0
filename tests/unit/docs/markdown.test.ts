// Every Markdown file of the repository: its links lead somewhere, the commands, tasks and options
// that it shows exist.

import assert from "node:assert/strict";
import { dirname, join, normalize } from "node:path";
import { TABLE } from "../../../src/config/options.ts";
import { tinycloud } from "../../support/commands.ts";
import { anchors, fences, inlineCode, targets } from "../../support/markdown.ts";
import { sources } from "../../support/sources.ts";

const ROOT = new URL("../../../", import.meta.url);
const PAGES = await sources(".", ".md");
/** Those that tell of this version; the others tell of a time, or of somebody else's commands. */
const CURRENT = [...PAGES].filter(([path]) =>
  !path.startsWith("docs/decisions/") && !path.startsWith("tests/") && path !== "CHANGELOG.md"
);

// --- Links -------------------------------------------------------------------------------------

/** Why a link leads nowhere; undefined if it does lead somewhere. */
async function broken(page: string, target: string): Promise<string | undefined> {
  if (/^[a-z][a-z+.-]*:/i.test(target)) return undefined;
  const [file = "", anchor] = target.split("#");
  const path = file === "" ? page : normalize(join(dirname(page), decodeURIComponent(file)));
  if (path.startsWith("..")) return "it leads out of the repository";
  const isThere = await Deno.stat(new URL(path, ROOT)).then(() => true, () => false);
  if (!isThere) return `there is no ${path}`;
  if (anchor === undefined) return undefined;
  const text = PAGES.get(path);
  if (text === undefined) return `${path} is no page with headings`;
  return anchors(text).has(anchor) ? undefined : `${path} has no heading #${anchor}`;
}

Deno.test("every link within the repository leads somewhere", async () => {
  const findings: string[] = [];
  let count = 0;
  for (const [page, text] of PAGES) {
    for (const target of targets(text)) {
      count++;
      const reason = await broken(page, target);
      if (reason !== undefined) findings.push(`${page}: ${target}: ${reason}`);
    }
  }

  assert.deepEqual(findings, []);
  assert.ok(count > 50, `${count} links were found`);
});

for (
  const [target, reason] of [
    ["docs/nowhere.md", /there is no docs\/nowhere\.md/],
    ["#nowhere", /no heading #nowhere/],
    ["docs/errors.md#no-such-code", /no heading/],
    ["LICENSE#a", /no page/],
    ["../elsewhere", /out of the repository/],
  ] as const
) {
  Deno.test(`a link to ${target} would be found`, async () => {
    assert.match(await broken("README.md", target) ?? "", reason);
  });
}

// --- Commands ----------------------------------------------------------------------------------

interface Shown {
  readonly page: string;
  readonly words: readonly string[];
}

/** What stands in shell blocks and in backticks, line by line, without comments. */
function codeLines(text: string): string[] {
  const blocks = fences(text).filter(({ language }) => language === "sh")
    .flatMap(({ code }) => code.replace(/\\\n/g, " ").split("\n"));
  return [...blocks, ...inlineCode(text)].map((line) => line.replace(/(^|\s)#.*$/, ""));
}

/** The uses of `name` in it, each as the words that follow up to the next shell operator. */
function uses(name: string): Shown[] {
  // A user and a service may be called like it: `sudo -u tinycloud`.
  const call = new RegExp(`(?<=^|[\\s(])(?<!-u )${name}((?: [^\\s|;&)]+)*)`, "g");
  return CURRENT.flatMap(([page, text]) =>
    codeLines(text).flatMap((line) =>
      [...line.matchAll(call)].map(([, rest = ""]) => ({
        page,
        words: rest.split(" ").filter((word) => word !== ""),
      }))
    )
  );
}

/** Why there is no such command line; undefined if there is. */
async function unknownCommand(words: readonly string[]): Promise<string | undefined> {
  const [first = "serve"] = words;
  if (["help", "--help", "--version"].includes(first)) return undefined;
  const names = first.startsWith("-") ? ["serve"] : [first];
  let help = await helpOf(names);
  const [, second = ""] = words;
  if (help?.startsWith(`usage: tinycloud ${first} COMMAND`) && /^[a-z]/.test(second)) {
    names.push(second);
    help = await helpOf(names);
  }
  if (help === undefined) return `there is no command ${names.join(" ")}`;
  const flags = words.flatMap((word) => /^(--[a-z-]+)/.exec(word)?.slice(1) ?? []);
  const known = new Set(help.match(/--[a-z-]+/g));
  const missing = flags.find((flag) => flag !== "--help" && !known.has(flag));
  return missing === undefined ? undefined : `tinycloud ${names.join(" ")} has no ${missing}`;
}

/** What a command says of itself, if it exists. */
async function helpOf(names: readonly string[]): Promise<string | undefined> {
  const { code, lines } = await tinycloud("/", [...names, "--help"]);
  return code === 0 ? lines.join("\n") : undefined;
}

Deno.test("every command and flag that is shown exists", async () => {
  const findings: string[] = [];
  const shown = uses("tinycloud");
  for (const { page, words } of shown) {
    const reason = await unknownCommand(words);
    if (reason !== undefined) findings.push(`${page}: ${reason}`);
  }

  assert.deepEqual(findings, []);
  assert.ok(shown.length > 40, `${shown.length} command lines were found`);
});

Deno.test("a command or flag that does not exist would be found", async () => {
  assert.match(await unknownCommand(["chekc"]) ?? "", /no command chekc/);
  assert.match(await unknownCommand(["check", "--repairr"]) ?? "", /no --repairr/);
  assert.match(await unknownCommand(["--prot", "1"]) ?? "", /serve has no --prot/);
  assert.match(await unknownCommand(["spaces", "dlete", "ID"]) ?? "", /no command spaces dlete/);
  assert.match(await unknownCommand(["spaces", "delete", "--json", "--no"]) ?? "", /no --no$/);
  for (const line of ["check --repair --json", "spaces", "spaces delete ID --yes", "--port 80"]) {
    assert.equal(await unknownCommand(line.split(" ")), undefined, line);
  }
});

Deno.test("every task that is shown exists", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const shown = [...uses("deno task"), ...uses("deno@2.9.6 task")];

  assert.ok(shown.length > 10);
  const missing = shown.filter(({ words: [name = ""] }) => !Object.hasOwn(tasks, name));
  assert.deepEqual(missing.map(({ page, words }) => `${page}: ${words[0]}`), []);
});

// --- Options -----------------------------------------------------------------------------------

Deno.test("every option that is named exists", async () => {
  const groups = new Set([...TABLE.keys()].map((name) => name.split(".")[0]));
  const events = await Deno.readTextFile(new URL("src/telemetry/events.ts", ROOT));
  const isKnown = (name: string) => {
    const isGroup = [...TABLE.keys()].some((known) => known.startsWith(`${name}.`));
    return TABLE.has(name) || isGroup || events.includes(`"${name}"`);
  };

  const named = CURRENT.flatMap(([page, text]) =>
    inlineCode(text).flatMap((code) => {
      const [, name = ""] = /^([a-z_]+(?:\.[a-z_]+)+)(?: = .+)?$/.exec(code) ?? [];
      return groups.has(name.split(".")[0] ?? "") ? [{ page, name }] : [];
    })
  );

  assert.ok(named.length > 50, `${named.length} were found`);
  const unknown = named.filter(({ name }) => !isKnown(name));
  assert.deepEqual(unknown.map(({ page, name }) => `${page}: ${name}`), []);
});
