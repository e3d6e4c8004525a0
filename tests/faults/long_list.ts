// A list of many keys (wire §6): complete, in order, and streamed, so that memory does not grow
// with it (adversary.md, 5). The repository itself writes the keys before the node starts.

import assert from "node:assert/strict";
import { connect, type Session } from "../../client/mod.ts";
import { parseSpaceId } from "../../src/capabilities/space_id.ts";
import { openSqlite } from "../../src/repository/sqlite/open.ts";
import { aChange, aGuard, inline } from "../contract/repository_samples.ts";
import { signIn } from "../support/asking.ts";
import { measured, mib } from "../support/measured.ts";
import { startProcess, stopped } from "../support/process.ts";

/** What a list may take beyond the memory that a shorter one took, bytes. */
const ALLOWANCE = 64 * 1024 * 1024;
/** As many are committed together. */
const BATCH = 500;
/** Long ones, so that all of them are more than the node may hold: some 400 bytes each. */
const FOLDERS = `${"folder/".repeat(56)}`;

export async function longList(count: number): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tinycloud-list-" });
  try {
    const session = await aHostedSpace(folder);
    const keys = Array.from({ length: count }, (_, at) => FOLDERS + String(at).padStart(8, "0"));
    await write(folder, session, keys);

    await using node = await startProcess({ folder });
    const here = connect(node.url).use(session.key, session.grant);
    const tenth = await here.list(FOLDERS + "0".repeat(9 - String(count - 1).length));
    const before = await node.peakMemory();
    const begun = performance.now();
    const listed = await here.list();
    const ms = performance.now() - begun;

    assert.equal(listed.length, count);
    assert.ok(listed.every((key, at) => key === keys[at]), "in byte order");
    const growth = await node.peakMemory() - before;
    measured(
      `a list of ${count} keys: ${ms.toFixed(0)} ms, ${
        mib(growth)
      } more memory than ${tenth.length}`,
    );
    assert.ok(tenth.length * 5 <= count);
    assert.ok(growth < ALLOWANCE, `it took ${mib(growth)} more`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function aHostedSpace(folder: string): Promise<Session> {
  await using node = await startProcess({ folder });
  const session = await signIn(node);
  assert.equal(await stopped(node), 0);
  return session;
}

async function write(folder: string, session: Session, keys: readonly string[]): Promise<void> {
  const { space } = parseSpaceId(session.space) ?? assert.fail("a space");
  const now = Date.now() / 1000;
  await using repository = openSqlite({
    path: `${folder}/caps.db`,
    durability: "normal",
    now: () => now,
  });
  for (let at = 0; at < keys.length; at += BATCH) {
    const outcomes = await Promise.all(
      keys.slice(at, at + BATCH).map((key) => {
        const use = aGuard({ expiresAt: now + 360 });
        return repository.applyInvocation(aChange({ space, key, use, effect: inline("a value") }));
      }),
    );
    assert.ok(outcomes.every(({ kind }) => kind === "applied"));
  }
}
