// `tinycloud gc` and `check`, beside a node that runs and after it (configuration.md).

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { randomWallet, resourceUri } from "../../client/mod.ts";
import { collectAll } from "../../src/commands/collecting.ts";
import { loadConfig } from "../../src/config/load.ts";
import { assertOk, bytesOf, invoke, kv, signIn } from "../support/asking.ts";
import { type Output, tinycloud } from "../support/commands.ts";
import { eventually } from "../support/eventually.ts";
import { startTestNode, type TestNode } from "../support/node.ts";
import { snapshot } from "../support/state.ts";
import { type ASession, aSession, DEL, now, PUT, rfc3339, use } from "../support/world.ts";

const DAY = 86_400;
const UNTOUCHED = { blocks: 0, leftovers: 0, guards: 0, events: 0, delegations: 0 };
const RETAINING = { env: { TINYCLOUD_RETENTION_EVENTS: "30 d" } };

const blocksOf = async (node: TestNode) =>
  (await snapshot(node)).files.filter((file) => /\/[0-9a-f]{64} \d+$/.test(file)).length;

/** The node's own collector runs at its start: afterwards it sleeps. */
async function idle(node: TestNode): Promise<void> {
  const { repository } = node.node.services;
  await eventually("the lease", async () => {
    const now = Date.now() / 1000;
    if (!await repository.takeLease("collector", "test", now, now + 1)) return undefined;
    await repository.releaseLease("collector", "test");
    return true;
  });
}

/** A database that a node may have open too. */
function alter(folder: string, sql: string): void {
  using database = new DatabaseSync(`${folder}/caps.db`);
  database.exec(sql);
}

function removed({ lines }: Output) {
  return JSON.parse(lines[0] ?? "null").removed;
}

async function put(node: TestNode, session: ASession, key: string, value: string): Promise<void> {
  assertOk(await use(node, session, PUT, resourceUri(session.space, "kv", key), {}, value));
}

async function findings(node: TestNode): Promise<unknown[]> {
  return await Array.fromAsync(node.node.services.repository.check());
}

Deno.test("gc removes dead blocks and leftovers beside a running node, and no value", async () => {
  await using node = await startTestNode();
  await idle(node);
  const session = await signIn(node);
  const [kept, gone] = [bytesOf(50_000, 1), bytesOf(60_000, 2)];
  await session.put("kept", kept);
  await session.put("deleted", gone);
  await session.put("replaced", gone);
  assertOk(await invoke(node, session, kv(session, "del", "deleted")));
  await session.put("replaced", "small");
  for (const folder of ["staging", "blocks/.tmp"]) {
    await Deno.mkdir(`${node.folder}/${folder}`, { recursive: true });
    const left = `${node.folder}/${folder}/${"0".repeat(32)}-1`;
    await Deno.writeTextFile(left, "left");
    await Deno.utime(left, 1, 1);
  }

  const output = await tinycloud(node.folder, ["gc", "--json"]);

  assert.deepEqual([output.code, output.complaints], [0, []]);
  assert.deepEqual(JSON.parse(output.lines.join("")), {
    removed: { ...UNTOUCHED, blocks: 1, leftovers: 2 },
    unknown: 0,
    failed: 0,
    complete: true,
  });
  assert.equal(await blocksOf(node), 1);
  assert.deepEqual((await session.get("kept"))?.bytes, kept);

  await session.put("again", gone);
  const second = await tinycloud(node.folder, ["gc"]);
  assert.deepEqual(second.lines, [
    "removed: 0 blocks, 0 leftovers, 0 guards, 0 events, 0 delegations",
  ]);
  assert.deepEqual((await session.get("again"))?.bytes, gone);
});

Deno.test("gc says which blocks belong to no space, and keeps them", async () => {
  await using node = await startTestNode();
  await idle(node);
  const hash = "ab".repeat(32);
  const file = `${node.folder}/blocks/${"cd".repeat(32)}/ab/${hash}`;
  await Deno.mkdir(file.slice(0, -65), { recursive: true });
  await Deno.writeTextFile(file, "foreign");
  await Deno.utime(file, 1, 1);

  const { code, lines } = await tinycloud(node.folder, ["gc"]);

  assert.equal(code, 0);
  assert.match(lines[1] ?? "", /^1 blocks belong to no space of this database, and were kept/);
  assert.equal(await Deno.readTextFile(file), "foreign");
});

Deno.test("a node that is collecting is waited for", async () => {
  await using node = await startTestNode();
  await idle(node);
  const { repository } = node.node.services;
  const now = Date.now() / 1000;
  assert.ok(await repository.takeLease("collector", "node", now, now + 900));

  const { code, complaints } = await tinycloud(node.folder, ["gc"], {
    onComplaint: () => void repository.releaseLease("collector", "node"),
  });

  assert.deepEqual([code, complaints], [
    0,
    ["the node is collecting just now: waiting for it"],
  ]);
});

Deno.test("one that never ends is waited for until the time is up", async () => {
  await using node = await startTestNode();
  await idle(node);
  const { repository, blocks } = node.node.services;
  const now = Date.now() / 1000;
  assert.ok(await repository.takeLease("collector", "node", now, now + 900));
  const { config } = await loadConfig({ cwd: node.folder, env: {}, flags: {} });
  const complaints: string[] = [];
  const complain = (line: string) => void complaints.push(line);

  const collected = await collectAll(config, {
    repository,
    blocks,
    holder: "gc",
    waitMs: 1,
    io: { print: complain, complain, env: {}, cwd: "/" },
  });

  assert.equal(collected, undefined);
  assert.equal(complaints.length, 1);
  assert.equal(await repository.takeLease("collector", "another", now, now + 1), false);
});

Deno.test("gc forgets what retention.events says, and nothing that is needed", async () => {
  await using node = await startTestNode();
  await idle(node);
  const wallet = randomWallet();
  node.clock.advance(-40 * DAY);
  const fields = { expirationTime: rfc3339(now(node) + 3600) };
  const writer = await aSession(node, { wallet, fields });
  const reader = await aSession(node, { wallet, fields });
  for (const [key, value] of [["k", "1"], ["k", "2"], ["stays", "1"], ["gone", "1"]] as const) {
    await put(node, writer, key, value);
  }
  assertOk(await use(node, writer, DEL, resourceUri(writer.space, "kv", "gone")));
  node.clock.advance(40 * DAY);
  const session = await aSession(node, { wallet });
  await put(node, session, "k", "3");
  await put(node, session, "k", "4");
  const guards = (await snapshot(node)).tables.used_token?.length ?? 0;

  const without = await tinycloud(node.folder, ["gc", "--json"]);
  const output = await tinycloud(node.folder, ["gc", "--json"], RETAINING);

  // Guards that no clock can make good again go either way; those of the new puts stay.
  const old = guards - 2;
  assert.deepEqual(removed(without), { ...UNTOUCHED, guards: old });
  assert.deepEqual(removed(output), { ...UNTOUCHED, events: 3, delegations: 1 });
  const { delegations } = node.node.services.repository;
  const stored = await delegations([writer.cid, reader.cid, session.cid] as never);
  assert.deepEqual([...stored.keys()].sort(), [writer.cid, session.cid].sort());
  assert.deepEqual(await findings(node), []);
  assert.deepEqual(
    await node.node.services.repository.list(session.space as never, "", undefined, 9),
    [
      "k",
      "stays",
    ],
  );
  await put(node, session, "k", "5");
});

Deno.test("gc without a database, or one in memory, makes none", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const missing = await tinycloud(folder, ["gc"]);
    assert.equal(missing.code, 2);
    assert.match(
      missing.complaints.join(),
      /^tinycloud gc: could not run: cannot open the database/,
    );
    assert.deepEqual([...Deno.readDirSync(folder)], []);

    const env = { TINYCLOUD_STORAGE_DATABASE: "sqlite::memory:" };
    assert.equal((await tinycloud(folder, ["gc"], { env })).code, 78);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("check draws how far it is on a terminal, and prints the same everywhere", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  await session.put("large", bytesOf(300_000, 1));
  await session.put("small", "value");

  const [plain, drawn, fast] = [
    await tinycloud(node.folder, ["check", "--json"]),
    await tinycloud(node.folder, ["check", "--json"], { hasTerminal: true }),
    await tinycloud(node.folder, ["check", "--fast"]),
  ];

  assert.deepEqual([plain.code, plain.lines], [0, ['{"findings":0}']]);
  assert.deepEqual([drawn.code, drawn.lines], [0, plain.lines]);
  assert.deepEqual([fast.code, fast.lines], [0, ["clean"]]);
  assert.deepEqual([plain.drawn, plain.complaints, drawn.complaints], [[], [], []]);
  assert.match(drawn.drawn.join(), /checking the database .*reading blocks {2}\[#*\.*\] +\d+ %/s);
  assert.match(drawn.drawn.at(-1) ?? "", /^\r +\r$/, "the line is gone in the end");
});

Deno.test("check finds a value in the database and one on the disk that were altered", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  await session.put("large", bytesOf(300_000, 1));
  await session.put("small", "value");
  const [file = ""] = (await snapshot(node)).files.filter((each) => / 300000$/.test(each));
  await Deno.writeFile(file.split(" ")[0] ?? "", bytesOf(300_000, 2));
  alter(node.folder, "UPDATE entry SET inline = CAST('valve' AS BLOB) WHERE key = 'small'");

  const { code, lines } = await tinycloud(node.folder, ["check", "--json"]);

  assert.equal(code, 1);
  const kinds = lines.map((line) => JSON.parse(line).kind);
  assert.deepEqual(kinds, ["entry", "block", undefined]);
  assert.equal(lines.at(-1), '{"findings":2}');
});

Deno.test("check --repair believes no counter that would cost a value", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const value = bytesOf(50_000, 1);
    let session;
    {
      await using node = await startTestNode({ folder });
      session = await signIn(node);
      await session.put("k", value);
    }
    alter(folder, "UPDATE block SET refs = 0");
    const left = `${folder}/staging/${"0".repeat(32)}-1`;
    await Deno.writeTextFile(left, "left");
    await Deno.utime(left, 1, 1);

    const { code, lines } = await tinycloud(folder, ["check", "--repair", "--json"]);

    assert.equal(code, 0, lines.join());
    const repaired = { counters: 1, blocks: 0, leftovers: 1 };
    assert.deepEqual(lines.slice(-2).map((line) => JSON.parse(line)), [
      { repaired },
      { findings: 0 },
    ]);
    assert.equal((await tinycloud(folder, ["gc", "--json"])).code, 0);
    await using node = await startTestNode({ folder });
    const { repository, blocks } = node.node.services;
    const entry = await repository.find(session.space as never, "k");
    assert.ok(
      entry && await blocks.get(session.space as never, entry.hash).then((found) => {
        void found?.body.cancel();
        return found;
      }),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
