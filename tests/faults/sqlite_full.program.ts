// What a SQLite store does on a disk that fills up, recovers and turns read-only; run by
// sqlite_full.test.ts in a small file system of its own, whose folder is the argument.

import { NodeError } from "../../src/errors.ts";
import type { Repository } from "../../src/repository/repository.ts";
import { openSqlite } from "../../src/repository/sqlite/open.ts";
import {
  aChange,
  aRead,
  block,
  DEL,
  host,
  inline,
  NOW,
  SPACE,
  usedBy,
} from "../contract/repository_samples.ts";

const [folder = ""] = Deno.args;
const path = `${folder}/data/caps.db`;
const report: Record<string, unknown> = {};

async function outcomeOf(promise: Promise<{ readonly kind: string } | void>): Promise<string> {
  try {
    return (await promise)?.kind ?? "done";
  } catch (error) {
    return error instanceof NodeError ? error.code : `${error}`;
  }
}

function open(): Repository {
  return openSqlite({ path, durability: "full", now: () => NOW });
}

{
  await using repository = open();
  await host(repository, SPACE);
  let stored = 0;
  let refused = "applied";
  while (refused === "applied" && stored < 1_000) {
    const effect = inline("v".repeat(16_000));
    refused = await outcomeOf(repository.applyInvocation(aChange({ key: `${stored}`, effect })));
    if (refused === "applied") stored++;
  }
  report.refused = refused;
  report.whole = (await repository.list(SPACE, "", undefined, 1_000)).length === stored;
  report.exact = await usedBy(repository, SPACE);
  report.expected = Array.from({ length: stored }, (_, i) => 16_000 + `${i}`.length)
    .reduce((sum, held) => sum + held, 0);

  const read = aRead({ space: SPACE, key: "0" });
  report.read = await outcomeOf(repository.admitRead(read));
  report.readAgain = await outcomeOf(repository.admitRead(read));
  const large = aChange({ key: "large", effect: inline("v".repeat(64_000)) });
  report.ping = await outcomeOf(repository.ping());
  const batch = await Promise.all(
    [large, aChange({ key: "x", effect: block("b") })].map((change) =>
      outcomeOf(repository.applyInvocation(change))
    ),
  );
  report.batch = [...new Set(batch)];

  // Space is made from outside, as an operator would.
  await Deno.remove(`${folder}/ballast`);
  report.mended = await outcomeOf(repository.applyInvocation(large));
  report.readAfter = await outcomeOf(repository.admitRead(read));
  report.deleted = await outcomeOf(
    repository.applyInvocation(aChange({ key: "0", effect: DEL })),
  );
  const findings = [];
  for await (const finding of repository.check()) findings.push(finding);
  report.findings = findings;
}

const remount = new Deno.Command("mount", { args: ["-o", "remount,ro", folder] });
report.remounted = (await remount.output()).success;
try {
  await using repository = open();
  report.readOnly = await outcomeOf(repository.ping());
} catch (error) {
  report.readOnly = error instanceof NodeError ? error.code : `${error}`;
}

await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(report)));
