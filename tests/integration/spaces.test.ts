// `tinycloud spaces`, beside nodes that run.

import assert from "node:assert/strict";
import { connect, type Session } from "../../client/mod.ts";
import { type Blocks, spaceHashOf } from "../../src/blocks/blocks.ts";
import { erase } from "../../src/commands/spaces/delete.ts";
import { loadConfig } from "../../src/config/load.ts";
import { NodeError } from "../../src/errors.ts";
import { type ArchivePart, packArchive } from "../../src/spaces/archive.ts";
import { exportSpace } from "../../src/spaces/export_space.ts";
import { assertOk, assertRefused, bytesOf, invoke, kv, owner, signIn } from "../support/asking.ts";
import { tinycloud } from "../support/commands.ts";
import { aPlace, BUCKET, KINDS, ok, refused } from "../support/copies.ts";
import { startTestNode, type TestNode } from "../support/node.ts";

const OTHER_SECRET = "YUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY";
const BLOCKED = { status: 403, code: "space_blocked", sentence: "Space blocked by this node" };
const GONE = { status: 404, code: "space_not_found", sentence: "Space not found" };
const LARGE = bytesOf(3_000_000);

async function fill(session: Session): Promise<void> {
  await session.put("small", "a value \u{1f642}", { metadata: { mood: "calm" } });
  await session.put("empty", "");
  await session.put("", "the empty key");
  await session.put("large", LARGE);
  await session.put("twice/one", bytesOf(100_000));
  await session.put("twice/two", bytesOf(100_000));
  await session.put("replaced", bytesOf(60_000));
  await session.put("replaced", "now");
  await session.put("gone", bytesOf(70_000));
  await session.delete("gone");
}

async function assertFilled(session: Session): Promise<void> {
  const listed = await session.list("");
  assert.deepEqual([...listed], [
    "",
    "empty",
    "large",
    "replaced",
    "small",
    "twice/one",
    "twice/two",
  ]);
  const small = await session.get("small");
  assert.deepEqual([small?.text(), small?.metadata.mood], ["a value \u{1f642}", "calm"]);
  assert.deepEqual((await session.get("large"))?.bytes, LARGE);
  assert.deepEqual((await session.get("twice/two"))?.bytes, bytesOf(100_000));
  assert.equal((await session.get("replaced"))?.text(), "now");
  assert.equal((await session.get(""))?.text(), "the empty key");
  assert.equal((await session.get("empty"))?.bytes.length, 0);
  assert.equal(await session.get("gone"), undefined);
}

async function assertClean(node: TestNode): Promise<void> {
  assert.deepEqual(await Array.fromAsync(node.node.services.repository.check()), []);
}

const moves = [
  ["sqlite", "sqlite"],
  ...KINDS.flatMap((kind) => [["sqlite", kind], [kind, "sqlite"]] as const),
] as const;

for (const [from, to] of moves) {
  Deno.test(`a space moves from ${from} to ${to}, to a node with another secret`, async () => {
    await using place = await aPlace();
    const source = await place.store(from);
    const target = await place.store(to, BUCKET);
    await using old = await source.start();
    await using another = await target.start({ TINYCLOUD_KEYS_SECRET: OTHER_SECRET });
    const { wallet, session } = await owner(old);
    await fill(session);
    await session.shareLink("small");
    const revoked = await session.shareLink("large");
    await connect(old.url).revoke(wallet, revoked.delegation.cid);
    const neighbour = await signIn(old);
    await neighbour.put("twice", bytesOf(100_000));
    const file = `${place.folder}/space.tar`;

    await ok(place.run(["spaces", "export", session.space, file], source.env));
    await ok(place.run(["spaces", "delete", session.space, "--yes"], source.env));
    const said = await ok(place.run(["spaces", "import", file, "--json"], target.env));

    const { imported } = JSON.parse(said[0] ?? "null");
    assert.deepEqual([imported.space, imported.keys, imported.events, imported.left], [
      session.space,
      7,
      3,
      0,
    ]);
    assertRefused(await invoke(old, session, kv(session, "get", "small")), GONE);
    assert.deepEqual((await neighbour.get("twice"))?.bytes, bytesOf(100_000));
    await assertClean(old);
    await assertClean(another);
    const left = await Array.fromAsync(old.node.services.blocks.all());
    assert.equal(left.length, 1, "the neighbour's block");

    const again = await connect(another.url).signIn(wallet);
    await assertFilled(again);
    await again.put("new", "here");
    // What was signed before goes on at the new node, and what was taken back stays so.
    assertOk(await invoke(another, session, kv(session, "get", "small")));
    const records = await another.node.services.repository.keptDelegations(
      again.space as never, // it was parsed when it was hosted
      0,
      100,
    );
    assert.equal(records.found.filter(({ revocation }) => revocation !== undefined).length, 1);
  });
}

Deno.test("a blocked space is refused to everybody at once, and whole when it is unblocked", async () => {
  await using node = await startTestNode();
  const { wallet, session } = await owner(node);
  await fill(session);
  const run = (...args: string[]) => tinycloud(node.folder, ["spaces", ...args]);

  assert.deepEqual(await ok(run("block", session.space)), [`${session.space} is blocked`]);

  for (const verb of ["get", "put", "list", "del", "metadata"] as const) {
    assertRefused(await invoke(node, session, kv(session, verb, "small")), BLOCKED);
  }
  await assert.rejects(connect(node.url).signIn(wallet), { code: "space_blocked" });
  const [, , , state] = (await ok(run("show", session.space))).join("\n").split("\n  ");
  assert.match(state ?? "", /in force/);
  assert.match((await ok(run("list"))).join("\n"), /BLOCKED: refused to everybody/);

  await ok(run("unblock", session.space));
  await assertFilled(session);
});

Deno.test("a space's own limit holds in place of the node's, from the next request on", async () => {
  await using node = await startTestNode({ env: { TINYCLOUD_STORAGE_LIMIT: "1 MiB" } });
  const session = await signIn(node);
  const run = (...args: string[]) => tinycloud(node.folder, ["spaces", ...args]);
  const put = (size: number) =>
    invoke(node, session, kv(session, "put", `of ${size}`.replace(" ", "-")), {
      body: bytesOf(size),
    });

  assert.equal((await put(2_000_000)).status, 413);
  assert.deepEqual(await ok(run("limit", session.space, "3 MiB")), [
    `${session.space} may hold 3.0 MiB; it holds 0 bytes`,
  ]);
  assertOk(await put(2_000_000));
  assert.equal((await put(1_500_000)).status, 413);
  await ok(run("limit", session.space, "none"));
  assertOk(await put(1_500_000));
  await ok(run("limit", session.space, "default"));
  assert.equal((await put(10)).status, 402);

  await refused(run("limit", session.space, "plenty"), 1, /^tinycloud: "plenty" is no size/);
  await refused(run("limit", session.space), 64, /which space, and which size\?/);
});

Deno.test("list tells what each space holds, and whose it is", async () => {
  await using node = await startTestNode();
  const { wallet, session } = await owner(node);
  await session.put("a", "1");
  const share = await session.shareLink("a");
  await connect(node.url).revoke(wallet, share.delegation.cid);
  const other = await signIn(node);

  const { lines } = await tinycloud(node.folder, ["spaces", "list", "--json"]);

  const rows = lines.map((line) => JSON.parse(line));
  assert.deepEqual(rows.map(({ space }) => space), [session.space, other.space].toSorted());
  const row = rows.find(({ space }) => space === session.space);
  assert.deepEqual([row.owner, row.keys, row.bytes, row.state], [wallet.did, 1, 38, "open"]);
  assert.deepEqual(row.delegations, { live: 2, revoked: 1 });
  assert.match(row.lastWrite, /^\d{4}-\d\d-\d\dT/);
  const { lines: text } = await tinycloud(node.folder, ["spaces", "list"]);
  assert.equal(text.at(-1), "2 spaces, 38 bytes");
});

Deno.test("delete asks, and does nothing unless it is meant", async () => {
  await using node = await startTestNode();
  const { wallet, session } = await owner(node);
  await session.put("a", "1");
  const args = ["spaces", "delete", session.space];

  await refused(tinycloud(node.folder, args), 1, /nobody is here to be asked: add --yes/);
  const wrong = await tinycloud(node.folder, args, { answer: "yes" });
  assert.deepEqual([wrong.code, wrong.complaints], [1, ["nothing was erased"]]);
  assert.equal((await session.get("a"))?.text(), "1");

  const right = await tinycloud(node.folder, args, { answer: "default" });
  assert.deepEqual([right.code, right.lines], [0, [`${session.space} is erased: 1 key, 38 bytes`]]);
  assertRefused(await invoke(node, session, kv(session, "get", "a")), GONE);
  const anew = await connect(node.url).signIn(wallet);
  assert.deepEqual([...await anew.list("")], []);
  await assertClean(node);
});

Deno.test("a removal that fails while a space is deleted keeps the collector's lease", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const { repository, blocks } = node.node.services;
  const stray = `${node.folder}/blocks/${spaceHashOf(session.space as never)}/ab`; // parsed when hosted
  await Deno.mkdir(stray, { recursive: true });
  await Deno.writeTextFile(`${stray}/${"ab".repeat(32)}`, "of a put that was never committed");
  const { config } = await loadConfig({
    cwd: node.folder,
    env: { TINYCLOUD_STORAGE_BLOCKS_PATH: `${node.folder}/blocks` },
    flags: {},
  });
  const failing: Blocks = {
    ...blocks,
    all: (after) => blocks.all(after),
    remove: () => Promise.reject(new NodeError("storage_unavailable")),
  };
  const io = { print: () => {}, complain: () => {}, env: {}, cwd: node.folder };
  const now = Date.now() / 1000;

  await assert.rejects(
    erase(session.space as never, config, { repository, blocks: failing }, io),
    { code: "storage_unavailable" },
  );

  // It may still be under way, and must not meet a block of the next hosting.
  assert.equal(await repository.takeLease("collector", "another", now, now + 1), false);
});

Deno.test("an archive that is cut off or altered is refused, and leaves nothing", async () => {
  await using place = await aPlace();
  const [source, target] = [await place.store("sqlite"), await place.store("sqlite")];
  const file = `${place.folder}/space.tar`;
  {
    await using node = await source.start();
    const session = await signIn(node);
    await fill(session);
    await ok(place.run(["spaces", "export", session.space, file], source.env));
  }
  await using node = await target.start();
  const whole = await Deno.readFile(file);
  const bad = `${place.folder}/bad.tar`;
  const refuses = async (bytes: Uint8Array, says: RegExp) => {
    await Deno.writeFile(bad, bytes);
    await refused(place.run(["spaces", "import", bad], target.env), 1, says);
    assert.equal(await node.node.services.repository.spaceCount(), 0);
  };

  for (let part = 0; part < 8; part++) {
    await refuses(whole.subarray(0, (whole.length * part) >> 3), /the archive can't be taken/);
  }
  const text = new TextDecoder("latin1").decode(whole);
  const alter = (what: string, by: string) => {
    const at = text.indexOf(what);
    assert.ok(at > 0, what);
    const bytes = whole.slice();
    bytes.set(new TextEncoder().encode(by), at);
    return bytes;
  };
  await refuses(alter('"key":"small"', '"key":"smell"'), /small|smell/);
  await refuses(alter('"version": 1', '"version": 9'), /space\.json has another form/);
  await refuses(alter('"keys": 7', '"keys": 8'), /should hold 8 keys, and holds 7/);
  const value = whole.slice();
  value.set([0xaa, 0x55, 0xaa], text.indexOf("values/") + 512 + 1_000);
  await refuses(value, /the value [0-9a-f]{64} has other bytes/);
  await refuses(new TextEncoder().encode("no tar file at all"), /the archive can't be taken/);
  await refused(
    place.run(["spaces", "import", "none.tar"], target.env),
    1,
    /cannot read .*none\.tar/,
  );

  await ok(place.run(["spaces", "import", file], target.env));
  await refused(
    place.run(["spaces", "import", file], target.env),
    1,
    /is hosted here already: tinycloud spaces delete would erase it/,
  );
  await assertClean(node);
});

Deno.test("of two imports of a space at once one brings it in, whole", async () => {
  await using place = await aPlace();
  const [source, target] = [await place.store("sqlite"), await place.store("sqlite")];
  const file = `${place.folder}/space.tar`;
  await using node = await source.start();
  const { wallet, session } = await owner(node);
  await fill(session);
  await ok(place.run(["spaces", "export", session.space, file], source.env));
  await using other = await target.start();

  const ends = await Promise.all(
    [0, 1].map(() => place.run(["spaces", "import", file], target.env)),
  );

  assert.deepEqual(ends.map(({ code }) => code).toSorted(), [0, 1]);
  assert.match(ends.flatMap(({ complaints }) => complaints).at(-1) ?? "", /here.* already/);
  await assertFilled(await connect(other.url).signIn(wallet));
  await assertClean(other);
});

Deno.test("an import that fails half-way leaves nothing, and can be begun again", async () => {
  await using place = await aPlace();
  const [source, target] = [await place.store("sqlite"), await place.store("sqlite")];
  const file = `${place.folder}/space.tar`;
  await using node = await source.start();
  const { wallet, session } = await owner(node);
  await fill(session);
  await ok(place.run(["spaces", "export", session.space, file], source.env));
  await using other = await target.start();
  const { repository } = other.node.services;
  const blocked = `${target.blocks}/${spaceHashOf(session.space as never)}`; // parsed when it was hosted
  await Deno.writeTextFile(blocked, "in the way");

  await refused(place.run(["spaces", "import", file], target.env), 1, /./);
  assert.equal(await repository.spaceCount(), 0);
  await Deno.remove(blocked);
  await ok(place.run(["spaces", "import", file], target.env));

  await assertFilled(await connect(other.url).signIn(wallet));
  await assertClean(other);
});

const forged = [
  ["a header that is never kept", { headers: [["set-cookie", "a=b"]] }, /the headers of "a"/],
  [
    "a header with a line break",
    { headers: [["content-type", "a\r\nb: c"]] },
    /the headers of "a"/,
  ],
  ["a header with a name that is none", { headers: [["x-tinycloud-meta-\n", "v"]] }, /the headers/],
  ["a time that no date has", { at: 1e300 }, /has another form/],
  ["another key's put", { key: "b" }, /the put of "b" says something else/],
  ["a token without its signature", { token: "a.b.c" }, /is not signed as it should be/],
  ["another value", { inline: new TextEncoder().encode("2") }, /the value of "a"/],
] as const;

for (const [what, change, says] of forged) {
  Deno.test(`an archive with ${what} is refused, and leaves nothing`, async () => {
    await using node = await startTestNode();
    const session = await signIn(node);
    await session.put("a", "1");
    const { repository, blocks } = node.node.services;
    const space = session.space as never; // it was parsed when it was hosted
    async function* parts(): AsyncGenerator<ArchivePart> {
      for await (const part of exportSpace({ repository, blocks, clock: node.clock, space })) {
        if (part.kind !== "keys") yield part;
        else {
          const items = part.items.map(({ event, ...held }) => ({
            ...held,
            event: { ...event, ...("at" in change || "token" in change ? change : {}) },
            ...("at" in change || "token" in change ? {} : change),
          }));
          yield { ...part, items };
        }
      }
    }
    const file = `${node.folder}/forged.tar`;
    await Deno.writeFile(file, packArchive(parts()));
    await ok(tinycloud(node.folder, ["spaces", "delete", session.space, "--yes"]));

    await refused(tinycloud(node.folder, ["spaces", "import", file]), 1, says);

    assert.equal(await repository.spaceCount(), 0);
  });
}

Deno.test("an export of a space that changes meanwhile does not end", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  await session.put("a", "1");
  const { repository, blocks } = node.node.services;
  const space = session.space as never; // it was parsed when it was hosted

  const parts = exportSpace({ repository, blocks, clock: node.clock, space });
  await parts.next();
  await session.put("b", "2");

  await assert.rejects(Array.fromAsync(parts), /the space was changed meanwhile/);
});

Deno.test("what names no space, or one that is not here, is said in a sentence", async () => {
  await using node = await startTestNode();
  const absent = "tinycloud:pkh:eip155:1:0x70997970C51812dc3A010C7d01b50e0d17dc79C8:default";
  for (
    const args of [["show"], ["limit", "1 GiB"], ["block"], ["unblock"], ["delete", "--yes"], [
      "export",
      "space.tar",
    ]]
  ) {
    const [command = "", ...rest] = args;
    const run = (id: string) => tinycloud(node.folder, ["spaces", command, id, ...rest]);
    await refused(run("nonsense"), 1, /nonsense names no space/);
    await refused(run(absent), 1, /is not hosted here/);
  }
});
