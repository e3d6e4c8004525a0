// What a SQLite store does when the disk cannot say that it has a commit; run by
// sqlite_sync.test.ts with a library that lets every sync fail while a file is there.

import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { NodeError } from "../../src/errors.ts";
import type { Repository } from "../../src/repository/repository.ts";
import { openSqlite } from "../../src/repository/sqlite/open.ts";
import { aChange, apply, host, NOW, SPACE } from "../contract/repository_samples.ts";

const [folder = "", failing = ""] = Deno.args;

function open(path: string): Repository {
  return openSqlite({ path, durability: "full", now: () => NOW });
}

async function outcomeOf(repository: Repository, key: string): Promise<string> {
  try {
    return (await repository.applyInvocation(aChange({ key }))).kind;
  } catch (error) {
    return error instanceof NodeError ? error.code : `${error}`;
  }
}

const report: Record<string, unknown> = {};
{
  await using repository = open(`${folder}/caps.db`);
  await host(repository, SPACE);
  await apply(repository, { key: "before" });

  await writeFile(failing, "");
  report.during = await outcomeOf(repository, "during");
  await rm(failing);
  report.after = await outcomeOf(repository, "after");
  report.keys = await repository.list(SPACE, "", undefined, 10);

  // What a process that is killed now leaves behind.
  await mkdir(`${folder}/killed`);
  for (const name of ["caps.db", "caps.db-wal"]) {
    await copyFile(`${folder}/${name}`, `${folder}/killed/${name}`);
  }
}
{
  await using repository = open(`${folder}/killed/caps.db`);
  report.keysAfterKill = await repository.list(SPACE, "", undefined, 10);
  report.afterStart = await outcomeOf(repository, "anew");
}
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(report)));
