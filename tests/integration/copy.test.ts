// `tinycloud copy`, within this process: every kind of database into every other.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { connect, openShare, type Session } from "../../client/mod.ts";
import { main } from "../../src/cli.ts";
import { LOAD_SETTING } from "../../src/repository/loading.ts";
import { lockFile } from "../../src/repository/lock_file.ts";
import { MIGRATIONS as MYSQL } from "../../src/repository/mysql/migrations.ts";
import { MIGRATIONS as POSTGRES } from "../../src/repository/postgres/migrations.ts";
import { MIGRATIONS } from "../../src/repository/sqlite/migrations.ts";
import { openSqlite } from "../../src/repository/sqlite/open.ts";
import { ask, bytesOf, kv, owner, signIn } from "../support/asking.ts";
import {
  aPlace,
  BUCKET,
  contentOf,
  KINDS,
  namedIn,
  ok,
  type Place,
  refused,
  SECRET,
  type Store,
} from "../support/copies.ts";
import { walk } from "../support/files.ts";
import type { TestNode } from "../support/node.ts";
import { freshDatabase } from "../support/servers.ts";

const OTHER_SECRET = "YUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY";
const [CONFIG, USAGE, REFUSED] = [78, 64, 2];
const LARGE = bytesOf(3_000_000);

/** What somebody has at a node. */
interface Used {
  readonly session: Session;
  readonly nodeId: string;
  /** Tokens of a put and of a read that were used there. */
  readonly spent: readonly string[];
  readonly shared: string;
  readonly revoked: string;
  readonly size: number;
}

async function use(node: TestNode): Promise<Used> {
  const { wallet, session } = await owner(node);
  const other = await signIn(node);
  await session.put("small", "a value \u{1f642}", { metadata: { mood: "calm" } });
  await session.put("empty", "");
  await session.put("large", LARGE);
  await session.put("twice", bytesOf(100_000));
  await session.put("thrice/%C3%A9", bytesOf(100_000));
  await session.put("replaced", bytesOf(60_000));
  await session.put("replaced", "now");
  await session.put("gone", bytesOf(70_000));
  await session.delete("gone");
  await other.put("twice", bytesOf(100_000));
  const [shared, revoked] = [await session.shareLink("small"), await session.shareLink("large")];
  await connect(node.url).revoke(wallet, revoked.delegation.cid);
  const spent: string[] = [];
  for (const [verb, key] of [["put", "once"], ["get", "small"]] as const) {
    const { header } = await session.invocationToken(kv(session, verb, key));
    assert.equal((await ask(node, "/invoke", { token: header, body: "once" })).status, 200);
    spent.push(header);
  }
  await session.put("last", "last");
  return {
    session,
    nodeId: node.node.nodeId,
    spent,
    shared: shared.link,
    revoked: revoked.link,
    size: await sizeOf(node, session),
  };
}

async function sizeOf({ node }: TestNode, { space }: Session): Promise<number> {
  const standing = await node.services.repository.standing({
    identities: [],
    space: space as never, // it was parsed when it was hosted
  });
  return standing.usage?.used ?? NaN;
}

/** A SQLite store that a node has used; the node is stopped, and nothing waits for its collector. */
async function aUsedStore(place: Place) {
  const store = await place.store("sqlite");
  const node = await store.start();
  const used = await use(node);
  await node[Symbol.asyncDispose]();
  await ok(place.run(["gc"], store.env));
  return { store, used };
}

/** Does what was stored, granted, used and revoked elsewhere count at this node? */
async function assertGoesOn(store: Store, used: Used): Promise<void> {
  await using node = await store.start();
  const { session } = used;
  assert.equal(node.node.nodeId, used.nodeId);
  const here = connect(node.url).use(session.key, session.grant);
  const small = await here.get("small");
  assert.deepEqual([small?.text(), small?.metadata], ["a value \u{1f642}", { mood: "calm" }]);
  assert.deepEqual((await here.get("large"))?.bytes, LARGE);
  assert.deepEqual((await here.get("thrice/%C3%A9"))?.bytes, bytesOf(100_000));
  assert.equal((await here.get("replaced"))?.text(), "now");
  assert.equal(await here.get("gone"), undefined);
  assert.deepEqual(await here.list(), [
    "empty",
    "large",
    "last",
    "once",
    "replaced",
    "small",
    "thrice/%C3%A9",
    "twice",
  ]);
  for (const token of used.spent) {
    const { status, code } = await ask(node, "/invoke", { token, body: "once" });
    assert.deepEqual({ status, code }, { status: 409, code: "invocation_replayed" });
  }
  const shared = await openShare(used.shared, { url: node.url });
  assert.equal((await shared.get("small"))?.text(), "a value \u{1f642}");
  const revoked = await openShare(used.revoked, { url: node.url });
  await assert.rejects(revoked.get("large"), { code: "revoked" });
  assert.equal(await sizeOf(node, session), used.size);

  const fresh = await signIn(node);
  await fresh.put("new", bytesOf(50_000));
  await here.put("new", bytesOf(50_000));
  await here.delete("large");
  assert.equal(await sizeOf(node, session), used.size + 50_000 + 3 - LARGE.length - 5);
  assert.deepEqual((await here.get("new"))?.bytes, bytesOf(50_000));
}

Deno.test("a copy through every kind of database and back is the same, row by row", async () => {
  await using place = await aPlace();
  const { store: first, used } = await aUsedStore(place);
  const content = await contentOf(first);

  const stores = [first];
  for (const [i, kind] of ([...KINDS, "sqlite", "sqlite"] as const).entries()) {
    const next = await place.store(kind, i % 2 === 0 ? BUCKET : "Local");
    const lines = await ok(place.copy(stores.at(-1) ?? first, next));
    assert.match(lines[0] ?? "", /: 2 spaces, \d+ rows, 3 blocks$/);
    assert.deepEqual(lines.slice(1), ["clean"]);
    stores.push(next);
  }

  for (const store of stores) assert.deepEqual(await contentOf(store), content, store.name);
  assert.equal(content.blocks.size, 3);
  assert.ok(content.rows.used_token.length > 10 && content.rows.revocation.length === 1);
  for (const store of stores.slice(1)) await assertGoesOn(store, used);
  for (const { env } of stores) {
    const checked = await place.run(["check"], env);
    assert.deepEqual([checked.code, checked.lines], [0, ["clean"]]);
  }
});

Deno.test("configuration files name the two sides, and their limits hold on the copy", async () => {
  await using place = await aPlace();
  const { store: from } = await aUsedStore(place);
  const to = await place.store(KINDS[0] ?? "sqlite");
  for (const { name, database, blocks } of [from, to]) {
    await Deno.writeTextFile(
      `${place.folder}/${name}.toml`,
      `[global]\nkeys.secret = "${SECRET}"\nstorage.database = "${database}"\n` +
        `storage.blocks.path = "${blocks}"\n`,
    );
  }

  const args = ["copy", "--from", `${from.name}.toml`, "--to", `${to.name}.toml`, "--json"];
  const lines = await ok(place.run(args, from.env));

  const [{ copied }, checked] = lines.map((line) => JSON.parse(line));
  const { hash, ...counts } = copied;
  assert.match(hash, /^[0-9a-f]{64}$/);
  const { rows } = await contentOf(to);
  const count = Object.values(rows).reduce((sum, { length }) => sum + length, 0);
  assert.deepEqual(counts, {
    spaces: 2,
    rows: count,
    loaded: count,
    blocks: 3,
    brought: 3,
    bytes: LARGE.length + 200_000,
    damaged: 0,
    hasSecret: true,
  });
  assert.deepEqual(checked, { findings: 0 });
  assert.deepEqual(await contentOf(to), await contentOf(from));
});

Deno.test("a copy that was cut off goes on where it was", async () => {
  for (const kind of ["sqlite", ...KINDS] as const) {
    await using place = await aPlace();
    const { store: from } = await aUsedStore(place);
    const to = await place.store(kind);

    await cutOff(place, from, to);
    await assert.rejects(to.start(), /a copy into .* was cut off/);
    await refused(place.run(["check"], to.env), REFUSED, /a copy into .* was cut off/);
    const lines = await ok(place.copy(from, to));

    assert.match(lines[0] ?? "", /\(\d of them now\), 3 blocks \(1 of them now\)$/);
    assert.deepEqual(await contentOf(to), await contentOf(from));
  }
});

Deno.test("a copy whose source has changed since begins anew, and keeps nothing that is gone", async () => {
  for (const kind of ["sqlite", ...KINDS] as const) {
    await using place = await aPlace();
    const { store: from, used } = await aUsedStore(place);
    const to = await place.store(kind);
    await cutOff(place, from, to);
    await using node = await from.start();
    const here = connect(node.url).use(used.session.key, used.session.grant);
    await here.delete("large");
    await here.put("small", "another");
    await node.node.stop();

    const { code, lines, complaints } = await place.copy(from, to);

    assert.deepEqual([code, lines.at(-1)], [0, "clean"], complaints.join());
    assert.match(complaints.join(), /^sqlite:.* has changed since the copy began: beginning anew$/);
    const [one, other] = [await contentOf(from), await contentOf(to)];
    assert.deepEqual(other.rows, one.rows);
    assert.equal(other.blocks.size, 2, "the deleted value's block is not left behind");
  }
});

/** Leaves a copy whose rows are there, and all its blocks but one. */
async function cutOff(place: Place, from: Store, to: Store): Promise<void> {
  const [path = ""] = [...await walk(from.blocks)].find(([, size]) => size === 100_000) ?? [];
  const [block, kept] = [`${from.blocks}/${path}`, `${place.folder}/kept`];
  await Deno.rename(block, kept);
  await refused(
    place.copy(from, to),
    REFUSED,
    /1 block of --from damaged or missing: run it again/,
  );
  await Deno.rename(kept, block);
}

Deno.test("blocks that both sides keep in one place stay there", async () => {
  await using place = await aPlace();
  const { store: from, used } = await aUsedStore(place);
  const { blocks } = from;
  const own = await place.store(KINDS[0] ?? "sqlite");
  const to = { ...own, blocks, env: { ...own.env, TINYCLOUD_STORAGE_BLOCKS_PATH: blocks } };
  const before = await walk(blocks);

  const lines = await ok(place.copy(from, to));

  assert.match(lines[0] ?? "", /3 blocks \(0 of them now\)$/);
  assert.deepEqual(await walk(blocks), before);
  assert.ok(used.size > 0);
});

Deno.test("a damaged block of the source is named, and all the rest is copied on request", async () => {
  await using place = await aPlace();
  const { store: from } = await aUsedStore(place);
  const to = await place.store("sqlite");
  const damaged = [...await walk(from.blocks)].find(([, size]) => size === LARGE.length)?.[0] ?? "";
  const bytes = await Deno.readFile(`${from.blocks}/${damaged}`);
  await Deno.writeFile(`${from.blocks}/${damaged}`, bytes.with(9000, (bytes[9000] ?? 0) ^ 1));

  const first = await place.copy(from, to);
  const second = await place.copy(from, to, "--skip-damaged");

  assert.deepEqual([first.code, first.complaints.length], [REFUSED, 2]);
  assert.match(first.complaints[0] ?? "", /^block: .* has other bytes than its hash says$/);
  assert.equal(second.code, 1, "check names it");
  assert.match(second.lines[0] ?? "", /, 1 DAMAGED and left out$/);
  assert.match(second.lines[1] ?? "", /^block: .* is missing$/);
  const [one, other] = [await contentOf(from), await contentOf(to)];
  assert.deepEqual(other.rows, one.rows);
});

Deno.test("without a secret on the other side the copy says that it is needed", async () => {
  await using place = await aPlace();
  const { store: from } = await aUsedStore(place);
  const to = await place.store("sqlite");

  const args = ["copy", ...namedIn("from", from), ...namedIn("to", to)];
  const lines = await ok(place.run(args));

  assert.match(lines[0] ?? "", /; its node needs the secret of the node that it came from$/);
});

interface Refusal {
  readonly name: string;
  /** Makes it so, and says what to run. */
  readonly args: (place: Place, from: Store, to: Store) => Promise<readonly string[]>;
  readonly env?: Readonly<Record<string, string>>;
  readonly code?: number;
  readonly says: RegExp;
}

const usual = (_place: Place, from: Store, to: Store) =>
  Promise.resolve([...namedIn("from", from), ...namedIn("to", to)]);

const REFUSALS: readonly Refusal[] = [
  {
    name: "no target",
    args: (_, from) => Promise.resolve(["--from", from.database]),
    code: USAGE,
    says: /--to what\?.*--help/,
  },
  {
    name: "a source that is not there",
    args: ({ folder }, _, to) =>
      Promise.resolve(["--from", `${folder}/nowhere.db`, ...namedIn("to", to)]),
    says: /cannot open the database .*nowhere\.db/,
  },
  {
    name: "a source that no node has used",
    args: async (place, _, to) => {
      const empty = await place.store("sqlite");
      await place.run(["migrate"], empty.env);
      return [...namedIn("from", empty), ...namedIn("to", to)];
    },
    says: /no node has used sqlite:.* yet/,
  },
  {
    name: "a configuration that is not there",
    args: (_, from) => Promise.resolve([...namedIn("from", from), "--to", "nowhere.toml"]),
    code: CONFIG,
    says: /nowhere\.toml: the file cannot be read/,
  },
  {
    name: "a database in memory",
    args: (_, from) =>
      Promise.resolve([...namedIn("from", from), "--to", "sqlite::memory:", "--to-blocks", "b"]),
    code: CONFIG,
    says: /--to is in memory: only its own process can see it/,
  },
  {
    name: "a database that is none, without showing it",
    args: (_, from) =>
      Promise.resolve([
        ...namedIn("from", from),
        "--to",
        "oracle://a:hunter2@b",
        "--to-blocks",
        "b",
      ]),
    code: CONFIG,
    says: /^tinycloud: --to: storage\.database has an unknown scheme; it must be(?!.*hunter2)/,
  },
  {
    name: "a server without a place for blocks",
    args: (_, from) => Promise.resolve([...namedIn("from", from), "--to", "mysql://h/name"]),
    code: CONFIG,
    says: /--to is on a server: say with --to-blocks where its blocks are/,
  },
  {
    name: "a place for blocks beside a configuration",
    args: (_, from) =>
      Promise.resolve([...namedIn("from", from), "--to", "x.toml", "--to-blocks", "b"]),
    code: CONFIG,
    says: /--to-blocks: x\.toml says where its blocks are/,
  },
  {
    name: "a bucket with an unknown parameter",
    args: (_, from) =>
      Promise.resolve([
        ...namedIn("from", from),
        ...["--to", "mysql://h/name", "--to-blocks", "s3://bucket?acces_key=1"],
      ]),
    code: CONFIG,
    says: /--to-blocks names no bucket; it must be a folder, or s3:/,
  },
  {
    name: "the same database under another name",
    args: async ({ folder }, from) => {
      await Deno.symlink(from.database, `${folder}/alias.db`);
      return [...namedIn("from", from), "--to", `${folder}/alias.db`];
    },
    says: /--from and --to are the same database sqlite:.*alias\.db/,
  },
  {
    name: "another secret",
    args: usual,
    env: { TINYCLOUD_KEYS_SECRET: OTHER_SECRET },
    code: CONFIG,
    says: /--to: keys\.secret is not the secret of the node that --from is of/,
  },
  {
    name: "a database that another node has used",
    args: async (place, from, to) => {
      await using node = await to.start();
      await signIn(node);
      return await usual(place, from, to);
    },
    says: /--to is not empty: the database sqlite:.* holds something/,
  },
  {
    name: "blocks that are there",
    args: async (place, from, to) => {
      await Deno.mkdir(`${to.blocks}/${"a".repeat(64)}/bb`, { recursive: true });
      await Deno.writeTextFile(`${to.blocks}/${"a".repeat(64)}/bb/${"b".repeat(64)}`, "a block");
      return await usual(place, from, to);
    },
    says: /--to is not empty: there are blocks in its store of blocks/,
  },
  {
    name: "a copy that came from elsewhere",
    args: async (place, from, to) => {
      const { store: other } = await aUsedStore(place);
      await cutOff(place, other, to);
      return await usual(place, from, to);
    },
    says: /a copy from sqlite:.* into sqlite:.* was cut off: finish that one, or begin with an/,
  },
  {
    name: "a database of an earlier version",
    args: async (place, from, to) => {
      const options = { path: to.database, durability: "normal", now: () => 0 } as const;
      await openSqlite({ ...options, migrations: MIGRATIONS.slice(0, 1) })[Symbol.asyncDispose]();
      return await usual(place, from, to);
    },
    says: /lacks the migration 0002_retention\.sql: run `tinycloud migrate` first/,
  },
  {
    name: "a database that a restore was to bring",
    args: async (place, from, to) => {
      await Deno.writeTextFile(`${to.database}.restoring`, "");
      return await usual(place, from, to);
    },
    says: /a restore of the database .* was cut off/,
  },
];

for (const { name, args, env = {}, code = REFUSED, says } of REFUSALS) {
  Deno.test(`a copy refuses ${name}, and the source stays as it was`, async () => {
    await using place = await aPlace();
    const { store: from } = await aUsedStore(place);
    const to = await place.store("sqlite");
    const before = await contentOf(from);
    const words = await args(place, from, to);

    await refused(
      place.run(["copy", ...words], { TINYCLOUD_KEYS_SECRET: SECRET, ...env }),
      code,
      says,
    );

    assert.deepEqual(await contentOf(from), before);
  });
}

for (const which of ["from", "to"] as const) {
  Deno.test(`a copy refuses a SQLite database that a node uses: --${which}`, async () => {
    await using place = await aPlace();
    const { store: from } = await aUsedStore(place);
    const to = await place.store("sqlite");
    const { database } = which === "from" ? from : to;
    await using _lock = await lockFile(`${database}.lock`, "held");

    const says = new RegExp(`--${which}: a node or another copy is using the database`);
    await refused(place.copy(from, to), REFUSED, says);
  });
}

for (const kind of KINDS) {
  Deno.test(`a copy refuses a database on a server that is in use, ${kind}`, async () => {
    await using place = await aPlace();
    const { store: from } = await aUsedStore(place);
    const to = await place.store(kind);
    const { store: other } = await aUsedStore(place);
    await ok(place.copy(other, to));
    const before = await contentOf(to);

    await refused(place.copy(from, { ...to, blocks: `${to.blocks}-2` }), REFUSED, /is not empty/);
    await refused(place.copy(to, to), REFUSED, /--from and --to are the same database/);

    assert.deepEqual(await contentOf(to), before);
  });
}

Deno.test("a target that somebody else writes to is no copy, and never is one", async () => {
  await using place = await aPlace();
  const { store: from } = await aUsedStore(place);
  const to = await place.store("sqlite");
  await cutOff(place, from, to);
  await using repository = openSqlite({
    path: to.database,
    durability: "full",
    now: () => 0,
    loads: true,
  });
  await repository.admitRead({ use: { key: "ff".repeat(32), expiresAt: 1 }, unrevoked: [] });
  await repository.setSetting("store.ping", "flushes what waits");

  for (let times = 0; times < 2; times++) {
    await refused(place.copy(from, to), REFUSED, /does not hold what was copied \(used_token\)/);
  }

  assert.ok(await repository.setting(LOAD_SETTING), "nobody opens it");
});

Deno.test("a source that changes while it is copied is no source, until it stands still", async () => {
  await using place = await aPlace();
  const { store: from } = await aUsedStore(place);
  const to = await place.store("sqlite");
  const complaints: string[] = [];
  let isChanged = false;
  const changing = {
    print: () => {},
    complain: (line: string) => void complaints.push(line),
    draw(text: string) {
      if (isChanged || !text.includes("blocks")) return;
      isChanged = true;
      // Its rows are there already.
      using database = new DatabaseSync(from.database);
      database.exec("DELETE FROM used_token");
    },
    env: { TINYCLOUD_KEYS_SECRET: SECRET },
    cwd: place.folder,
  };

  const args = ["copy", ...namedIn("from", from), ...namedIn("to", to)];
  const code = await main(args, changing);

  assert.deepEqual([code, isChanged], [REFUSED, true]);
  assert.match(complaints.at(-1) ?? "", /the source changed meanwhile \(used_token\): stop every/);
  assert.equal((await place.copy(from, to)).code, 0);
  const [one, other] = [await contentOf(from), await contentOf(to)];
  assert.deepEqual(other, one);
  assert.equal(other.rows.used_token.length, 0);
});

Deno.test("a block that an earlier run left damaged is copied again", async () => {
  await using place = await aPlace();
  const { store: from, used } = await aUsedStore(place);
  const to = await place.store("sqlite");
  await cutOff(place, from, to);
  const [path = ""] = [...await walk(to.blocks)].find(([, size]) => size === LARGE.length) ?? [];
  await Deno.writeFile(`${to.blocks}/${path}`, new Uint8Array(LARGE.length));

  await ok(place.copy(from, to));

  await assertGoesOn(to, used);
});

for (const kind of KINDS) {
  Deno.test(`a database of an earlier version is not loaded into, ${kind}`, async () => {
    await using database = await freshDatabase(kind);
    const migrations = (kind === "postgres" ? POSTGRES : MYSQL).slice(0, 1);
    await (await database.open({ now: () => 0, migrations }))[Symbol.asyncDispose]();

    await assert.rejects(database.open({ now: () => 0, loads: true }), /lacks the migration 0002/);
  });
}

Deno.test("limits of a space hold on the copy", async () => {
  await using place = await aPlace();
  const { store: from, used } = await aUsedStore(place);
  const to = await place.store("sqlite");
  await ok(place.copy(from, to));

  await using node = await to.start({ TINYCLOUD_STORAGE_LIMIT: "10 MiB" });

  const here = connect(node.url).use(used.session.key, used.session.grant);
  await here.put("fits", bytesOf(6_000_000));
  await assert.rejects(here.put("not", bytesOf(3_000_000)), { code: "quota_would_exceed" });
});
