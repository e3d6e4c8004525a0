// Prints every branch and line of the pure layers that no test takes, from an lcov file. One that
// has to stay says why in the code, in a comment `// Untaken: …` on its line or the one above;
// one that does not fails the run.

// deno-lint-ignore-file no-console -- a program for people and CI

const PURE = /\/src\/(tokens|capabilities|config)\//;

interface Gap {
  readonly file: string;
  readonly line: number;
}

function gapsOf(lcov: string): Gap[] {
  const gaps = new Map<string, Gap>();
  let file = "";
  for (const row of lcov.split("\n")) {
    if (row.startsWith("SF:")) file = row.slice(3);
    if (!PURE.test(file)) continue;
    const branch = /^BRDA:(\d+),\d+,\d+,(?:0|-)$/.exec(row);
    const line = /^DA:(\d+),0$/.exec(row);
    const at = branch?.[1] ?? line?.[1];
    if (at !== undefined) gaps.set(`${file}:${at}`, { file, line: Number(at) });
  }
  return [...gaps.values()];
}

async function reasonFor({ file, line }: Gap): Promise<string | undefined> {
  const lines = (await Deno.readTextFile(file)).split("\n");
  for (const text of [lines[line - 1], lines[line - 2]]) {
    const reason = /\/\/ Untaken: (.*)$/.exec(text ?? "")?.[1];
    if (reason !== undefined) return reason;
  }
  return undefined;
}

const [path = "coverage/lcov.info"] = Deno.args;
const gaps = gapsOf(await Deno.readTextFile(path));
let unexplained = 0;
for (const gap of gaps) {
  const reason = await reasonFor(gap);
  if (reason === undefined) unexplained++;
  const where = `${gap.file.slice(gap.file.lastIndexOf("/src/") + 1)}:${gap.line}`;
  console.log(`${reason === undefined ? "UNEXPLAINED" : "explained  "} ${where} ${reason ?? ""}`);
}
console.log(
  `branches of the pure layers no test takes: ${gaps.length}, unexplained: ${unexplained}`,
);
Deno.exit(unexplained === 0 ? 0 : 1);
