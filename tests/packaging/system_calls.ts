// Whether a program's system calls, as strace wrote them, are all let through by the filter of its
// systemd unit: deno run tests/packaging/system_calls.ts TRACE UNIT PROGRAM

// deno-lint-ignore-file no-console -- a program for people

const [trace = "", unit = "", program = ""] = Deno.args;
const sets = await readSets();
const allowed = filterOf(await Deno.readTextFile(unit));
const called = callsOf(await Deno.readTextFile(trace));
const refused = [...called].filter((call) => !allowed.has(call)).sort();
if (called.size < 50) refused.push(`(only ${called.size} kinds of calls were seen)`);
console.log(`${called.size} kinds of system calls, ${refused.length} refused by ${unit}`);
if (refused.length > 0) {
  console.error(`refused: ${refused.join(" ")}`);
  Deno.exit(1);
}

/** What the unit lets through: `~` takes away, and what every program needs is always there. */
function filterOf(text: string): Set<string> {
  const lines = [...text.matchAll(/^SystemCallFilter=(~?)(.*)$/gm)];
  let calls = expand("@default");
  for (const [, sign, names = ""] of lines) {
    for (const name of names.trim().split(/\s+/)) {
      calls = sign === "~" ? calls.difference(expand(name)) : calls.union(expand(name));
    }
  }
  return calls;
}

function expand(name: string): Set<string> {
  if (!name.startsWith("@")) return new Set([name]);
  const members = sets.get(name);
  if (members === undefined) throw new Error(`systemd knows no set ${name}`);
  return members.reduce((all, member) => all.union(expand(member)), new Set<string>());
}

/** What was called after the program itself had been started. */
function callsOf(text: string): Set<string> {
  const begin = text.indexOf(`execve("${program}"`);
  if (begin === -1) throw new Error(`${trace} has no start of ${program}`);
  const calls = text.slice(begin).matchAll(/^\d+ +(?:<\.\.\. )?(\w+)(?:\(| resumed)/gm);
  return new Set([...calls].flatMap(([, name]) => name ?? []));
}

/** The sets of calls that systemd has names for. */
async function readSets(): Promise<Map<string, string[]>> {
  const { success, stdout } = await new Deno.Command("systemd-analyze", {
    args: ["--no-pager", "syscall-filter"],
    stderr: "null",
  }).output();
  if (!success) throw new Error("systemd-analyze does not tell its sets of system calls");
  const sets = new Map<string, string[]>();
  let members: string[] = [];
  for (const line of new TextDecoder().decode(stdout).split("\n")) {
    const word = line.trim();
    if (line.startsWith("@")) sets.set(word, members = []);
    else if (word !== "" && !word.startsWith("#")) members.push(word);
  }
  return sets;
}
