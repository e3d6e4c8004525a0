// Writes docs/configuration.md from the table of options and from what the configuration says of
// mistakes: `deno task docs`. A test fails when the page is stale.

import { loadConfig } from "../../src/config/load.ts";
import { type Option, type Raw, TABLE } from "../../src/config/options.ts";
import { ConfigError, Refusal } from "../../src/config/refusal.ts";
import { variableName } from "../../src/config/sources.ts";

const INTRO = `# Configuration

Every option of the node: its default, what it may be, and what it means. \`deno task docs\` writes
this page from the table in \`src/config/options.ts\`; don't edit it.

## Where values come from

Later ones win:

1. the default in the program;
2. \`tinycloud.toml\` in the working directory, or the file that \`--config\` names: all options
   stand in the table \`[global]\`, so \`storage.limit\` is \`limit\` below \`[global.storage]\`;
3. the environment: \`storage.max_object\` is \`TINYCLOUD_STORAGE_MAX_OBJECT\`;
4. the flags \`--address\` and \`--port\` of \`tinycloud serve\`.

\`tinycloud config\` prints the value of each option and where it comes from. Secrets and the
passwords of databases are shown as \`[secret]\`. A change counts from the next start.

Sizes are written \`"64 KiB"\`, \`"5 MB"\` or as a number of bytes; times \`"250 ms"\`, \`"30 s"\`,
\`"10 min"\`, \`"12 h"\`, \`"7 d"\` or as a number of seconds. \`"none"\` and \`"off"\` stand for
nothing. In a variable quotes are left out, and lists are parted by commas. Relative paths count from
the working directory.

## When something is wrong

The node does not start, and a command does nothing: all mistakes are told at once, a line each, and
the exit code is 78. \`tinycloud config\` finds them before a start does. What only may be a mistake is
a warning, and the event [config.warning](events.md#configwarning) in the log.
`;

/** What each case sets, and what to do where its sentence does not say so. */
const MISTAKES: readonly {
  readonly toml?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cure: string;
}[] = [
  { toml: "[global]\nport = 80000", cure: "Take a value that is allowed; it is named." },
  { toml: "[global.storage]\nlimitt = 1", cure: "Correct the name." },
  { toml: "[global\nport = 1", cure: "Correct the file's form at that line." },
  {
    env: { TINYCLOUD_STORAGE_LIMITT: "1 GiB" },
    cure: "A warning only: the environment may hold what is somebody else's.",
  },
  {
    env: { TINYCLOUD_STORAGE_DATABASE: "sqlite::memory:" },
    cure: "A warning. Good for a try, and for nothing else.",
  },
  {
    env: {
      TINYCLOUD_KEYS_SECRET: "A".repeat(43),
      TINYCLOUD_KEYS_SECRET_FILE: "/run/secrets/tinycloud",
    },
    cure: "Remove one of the two.",
  },
  { env: { TINYCLOUD_STORAGE_BLOCKS_TYPE: "S3" }, cure: "See [s3.md](s3.md)." },
  {
    env: {
      TINYCLOUD_STORAGE_BLOCKS_TYPE: "S3",
      TINYCLOUD_STORAGE_BLOCKS_BUCKET: "values",
      AWS_REGION: "eu-north-1",
      AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
    },
    cure: "Set both, or neither: then the SDK's usual places are looked at.",
  },
  {
    env: {
      TINYCLOUD_STORAGE_BLOCKS_TYPE: "S3",
      TINYCLOUD_STORAGE_BLOCKS_BUCKET: "values",
      AWS_REGION: "eu-north-1",
      TINYCLOUD_STORAGE_MAX_OBJECT: "6 GiB",
    },
    cure: "A value is put to S3 by one request.",
  },
  {
    env: { TINYCLOUD_STORAGE_BLOCKS_BUCKET: "values" },
    cure: "A warning. Set `storage.blocks.type`, or remove the option.",
  },
];

const LATER = `
What the configuration cannot know shows when the node starts, and stops it with one sentence and
exit code 1 or 78: an address or port that is taken, a database or bucket that does not answer, a
folder that may not be written to, another secret than the database was used with. A
\`prometheus.port\` that is taken stops it only if you set it; left at its default there are no
metrics then, and the event [metrics.unavailable](events.md#metricsunavailable).
`;

/** The page. */
export async function configurationPage(): Promise<string> {
  const mistakes = await Promise.all(
    MISTAKES.map(async ({ cure, ...given }) => {
      const sentences = await saidOf(given);
      return `${sentences.map((each) => `- \`${each}\``).join("\n")}\\\n  ${cure}\n`;
    }),
  );
  return [INTRO, mistakes.join(""), LATER, ...sections()].join("\n");
}

/** What the configuration says of what is set: problems, or else warnings. */
async function saidOf(
  { toml, env = {} }: { toml?: string; env?: Readonly<Record<string, string>> },
): Promise<readonly string[]> {
  const ofItsOwn = { TINYCLOUD_STORAGE_DATABASE: "data/caps.db" };
  const readTextFile = () => {
    return toml === undefined ? Promise.reject(new Deno.errors.NotFound()) : Promise.resolve(toml);
  };
  try {
    const loaded = await loadConfig({
      cwd: "/",
      env: { ...ofItsOwn, ...env },
      flags: {},
      readTextFile,
    });
    if (loaded.warnings.length > 0) return loaded.warnings;
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error(`nothing is said of ${JSON.stringify(toml ?? env)}`);
}

/** One section for each group of options, in the table's order. */
function sections(): string[] {
  const defaults = defaultsOf(TABLE);
  const groups = new Map<string, string[]>();
  for (const [name, option] of TABLE) {
    const group = groupOf(name);
    const entry = entryOf(name, option, defaults.get(name));
    groups.set(group, [...groups.get(group) ?? [], entry]);
  }
  return [...groups].map(([group, entries]) => `## ${group}\n\n${entries.join("\n")}`);
}

function groupOf(name: string): string {
  const levels = name.split(".").slice(0, -1);
  return levels.length === 0 ? "The node" : levels.join(".");
}

function entryOf(name: string, option: Option<unknown>, standard: Raw | undefined): string {
  const lines = [option.meaning, `Must be ${allowedOf(name, option)}.`];
  if (option.notYet === true) lines.push("Not in this version yet: it must stay at its default.");
  return `### ${name}

\`${variableName(name)}\` · default \`${JSON.stringify(standard)}\`

${lines.join("\\\n")}
`;
}

/** The option's own words for what it takes, as it says them of a value that none takes. */
function allowedOf(name: string, { read }: Option<unknown>): string {
  const refusal = read({});
  if (refusal instanceof Refusal) return refusal.allowed.replace(/"[^"]*"/g, "`$&`");
  throw new Error(`${name} takes anything`);
}

/** Each default as it would be written, derived ones from those before. */
function defaultsOf(table: ReadonlyMap<string, Option<unknown>>): Map<string, Raw> {
  const defaults: Record<string, Raw> = {};
  for (const [name, { default: standard }] of table) {
    defaults[name] = typeof standard === "function" ? standard(defaults) : standard;
  }
  return new Map(Object.entries(defaults));
}

if (import.meta.main) {
  const path = new URL("../configuration.md", import.meta.url);
  await Deno.writeTextFile(path, await configurationPage());
}
