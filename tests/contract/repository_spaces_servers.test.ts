// One space and its operator on a database that several nodes share: what is decided about the space
// holds for all of them, and what a lost connection leaves in doubt is done once.

import assert from "node:assert/strict";
import type { HeldKey, ReplacedEvent, Repository } from "../../src/repository/repository.ts";
import { eventually } from "../support/eventually.ts";
import {
  freshDatabase,
  onPort,
  SERVERS,
  serverUrl,
  type TestDatabase,
} from "../support/servers.ts";
import { says, startTcpProxy } from "../support/tcp_proxy.ts";
import { rejects } from "./repository_contract.ts";
import {
  accept,
  aChange,
  aChild,
  aDelegation,
  aHosting,
  ALICE,
  apply,
  aRead,
  block,
  BOB,
  CAROL,
  DEL,
  factsOf,
  findingsIn,
  host,
  inline,
  NOW,
  OTHER_SPACE,
  SPACE,
  usedBy,
  WHOLE_LOG,
} from "./repository_samples.ts";

const now = () => NOW;

function aHeldKey(key: string): HeldKey {
  const { hash, size, headers, content } = inline("value");
  const { event } = aChange();
  return {
    key,
    hash,
    size,
    headers,
    event,
    ...(content.kind === "inline" && { inline: content.bytes }),
  };
}

function aDeletion(key: string): ReplacedEvent {
  return { kind: "del", key, ...aChange().event };
}

interface Order {
  readonly name: string;
  readonly prepare: (repository: Repository) => Promise<unknown>;
  readonly run: (repository: Repository) => Promise<unknown>;
  readonly answer: unknown;
  /** What is there after it was run once. */
  readonly left: (repository: Repository) => Promise<unknown>;
  readonly expected: unknown;
}

const ORDERS: readonly Order[] = [
  {
    name: "a change of state",
    prepare: (repository) => host(repository, SPACE),
    run: (repository) => repository.setSpaceState(SPACE, "open", "blocked"),
    answer: true,
    left: async (repository) => (await factsOf(repository)).state,
    expected: "blocked",
  },
  {
    name: "the creation of a space to be loaded",
    prepare: (repository) => host(repository, OTHER_SPACE),
    run: (repository) => repository.createToLoad(SPACE, ALICE, NOW),
    answer: true,
    left: async (repository) => [
      (await factsOf(repository)).state,
      await repository.spaceCount(),
    ],
    expected: ["loading", 2],
  },
  {
    name: "a part of a load",
    prepare: (repository) => repository.createToLoad(SPACE, ALICE, NOW),
    run: (repository) => repository.loadSpace(SPACE, [aDeletion("k")], [aHeldKey("k")]),
    answer: true,
    left: async (repository) => [
      await repository.list(SPACE, "", undefined, 10),
      (await repository.replacedEvents(SPACE, 0, WHOLE_LOG)).found.length,
      await usedBy(repository, SPACE),
    ],
    expected: [["k"], 1, 6],
  },
  {
    name: "the end of a space",
    async prepare(repository) {
      await host(repository, SPACE, OTHER_SPACE);
      await repository.setSpaceState(SPACE, "open", "erasing");
      await repository.eraseDelegations(SPACE, 0, 100);
    },
    run: (repository) => repository.eraseSpace(SPACE),
    answer: true,
    left: async (repository) => [
      await repository.spaces(undefined, 10),
      await repository.spaceCount(),
    ],
    expected: [[OTHER_SPACE], 1],
  },
];

/** What an operator sets, who comes meanwhile, and what that one is told. */
const DECISIONS = [
  ["closed = 'blocked'", function put(repository: Repository) {
    return repository.applyInvocation(aChange());
  }, "closed"],
  ["closed = 'erasing'", function delegation(repository: Repository) {
    return repository.acceptDelegation(aDelegation());
  }, "closed"],
  ["max_bytes = 1", function put(repository: Repository) {
    return repository.applyInvocation(aChange());
  }, "overLimit"],
] as const;

for (const kind of ["postgres", "mysql"] as const) {
  const ignore = SERVERS[kind] === undefined;

  for (const { name, prepare, run, answer, left, expected } of ORDERS) {
    for (const side of ["client", "server"] as const) {
      const moment = side === "client" ? "before its COMMIT arrives" : "after its COMMIT";
      Deno.test({
        name: `${kind}: ${name} is done once when the connection is lost ${moment}`,
        ignore,
        async fn() {
          await using database = await freshDatabase(kind);
          await using wire = startTcpProxy(new URL(`tcp://${new URL(database.text).host}`));
          const url = serverUrl(kind, onPort(database.text, wire.port));
          await using repository = await database.open({ now, url });
          await prepare(repository);
          let isCut = false;
          wire.judge((from, bytes, { asked }) => {
            const isCommit = from === side && says(side === "client" ? bytes : asked, "COMMIT");
            if (isCut || !isCommit) return "pass";
            isCut = true;
            return "cut";
          });

          const outcome = await run(repository);

          assert.equal(isCut, true);
          wire.judge(undefined);
          assert.equal(outcome, answer);
          assert.deepEqual(await left(repository), expected);
          assert.deepEqual(await findingsIn(repository), []);
        },
      });
    }
  }

  Deno.test({
    name:
      `${kind}: once a space is closed no node acknowledges a put to it, and erasing it harms no other`,
    ignore,
    async fn() {
      await using database = await freshDatabase(kind);
      await using node = await database.open({ now });
      await using operator = await database.open({ now });
      await host(node, SPACE, OTHER_SPACE);
      for (let at = 0; at < 30; at++) {
        await apply(node, { key: `${at}`, effect: block(`content ${at % 5}`) });
      }
      let isClosed = false;
      let isOver = false;
      const left = new Map<string, string | undefined>();
      const seen = new Set<string>();
      const writers = [1, 2, 3].map(async (writer) => {
        for (let at = 0; !isOver; at++) {
          const wasClosed = isClosed;
          const { kind } = await node.applyInvocation(aChange({ key: `${writer}/${at}` }));
          if (wasClosed) assert.notEqual(kind, "applied");
          seen.add(kind);
          const read = await node.admitRead(aRead({ space: SPACE }));
          if (wasClosed) assert.notEqual(read.kind, "admitted");
          const key = `${writer}/${at % 10}`;
          const isPut = at % 7 !== 6;
          const effect = block(`content ${at % 5}`);
          const asked = { space: OTHER_SPACE, key, effect: isPut ? effect : DEL };
          const done = await node.applyInvocation(aChange(asked));
          assert.ok(["applied", ...(isPut ? [] : ["noKey"])].includes(done.kind), done.kind);
          left.set(key, isPut ? effect.hash : undefined);
        }
      });
      await eventually("puts", () => Promise.resolve(seen.has("applied") || undefined));

      assert.equal(await operator.setSpaceState(SPACE, "open", "erasing"), true);
      isClosed = true;
      const { keys } = await factsOf(operator);
      let erased = 0;
      for (let count; (count = await operator.eraseKeys(SPACE, 4)) > 0;) erased += count;
      await operator.eraseEvents(SPACE, 0, WHOLE_LOG);
      for (let after: number | undefined = 0; after !== undefined;) {
        after = (await operator.eraseDelegations(SPACE, after, 2)).next;
      }
      for (let isGone = false; !isGone;) {
        for (const dead of await operator.condemnBlocks(10)) {
          if (dead.space === SPACE) await operator.buryBlock(dead, NOW);
        }
        isGone = await operator.eraseSpace(SPACE);
      }
      isOver = true;
      await Promise.all(writers);

      assert.equal(erased, keys);
      for (const [key, hash] of left) {
        assert.equal((await operator.find(OTHER_SPACE, key))?.hash, hash);
      }
      assert.ok(seen.has("closed"));
      assert.equal(await operator.spaceFacts(SPACE), undefined);
      assert.deepEqual(await findingsIn(operator), []);
      assert.equal(await operator.repairCounters(), 0);
    },
  });

  for (const [set, asked, expected] of DECISIONS) {
    Deno.test({
      name: `${kind}: what comes while an operator sets ${set} waits, and sees it (${asked.name})`,
      ignore,
      async fn() {
        await using database = await freshDatabase(kind);
        await using repository = await database.open({ now });
        await host(repository, SPACE);

        await database.run(`BEGIN; UPDATE space SET ${set} WHERE id = '${SPACE}'`);
        let outcome: string | undefined;
        const asking = asked(repository).then(({ kind }) => outcome = kind);
        await eventually(
          "it waits, or does not",
          async () => outcome ?? (await waiting(database) ? "waits" : undefined),
        );
        await database.run("COMMIT");

        assert.equal(await asking, expected);
      },
    });
  }

  Deno.test({
    name:
      `${kind}: a delegation in one space and the erasing of what it cites in another take turns`,
    ignore,
    async fn() {
      await using database = await freshDatabase(kind);
      await using repository = await database.open({ now });
      await host(repository, SPACE, OTHER_SPACE);
      const here = aDelegation();
      const there = aDelegation({ spaces: [OTHER_SPACE] });
      await accept(repository, here, there);
      const child = {
        ...aChild([here.record, there.record], { delegator: BOB, delegatee: CAROL }),
        spaces: [OTHER_SPACE],
        scopes: [{ scope: OTHER_SPACE, owned: false }],
      };

      // As a step of another process that has looked for what cites it.
      await database.run(`BEGIN; SELECT no FROM space WHERE id = '${SPACE}' FOR UPDATE`);
      let outcome: string | undefined;
      const accepting = rejects(
        repository.acceptDelegation(child).then(({ kind }) => outcome = kind),
        "proof_missing",
      );
      accepting.catch(() => {});
      await eventually(
        "it waits, or does not",
        async () => outcome ?? (await waiting(database) ? "waits" : undefined),
      );
      await database.run(`DELETE FROM delegation WHERE cid = '${here.record.cid}'`);
      await database.run("COMMIT");

      await accepting;
      assert.equal((await repository.delegationTokens([child.record.cid])).size, 0);
      await database.run(`DELETE FROM event WHERE cid = '${here.record.cid}'`);
    },
  });

  Deno.test({
    name: `${kind}: a hosting that waits for the end of its space hosts it anew`,
    ignore,
    async fn() {
      await using database = await freshDatabase(kind);
      await using repository = await database.open({ now });
      await host(repository, SPACE);
      const before = await repository.standing({ identities: [], space: SPACE });

      await database.run(`BEGIN; SELECT no FROM space WHERE id = '${SPACE}' FOR UPDATE`);
      const hosting = repository.acceptDelegation(aHosting(SPACE));
      await eventually("it waits", async () => await waiting(database) ? true : undefined);
      await database.run(`DELETE FROM space WHERE id = '${SPACE}'; UPDATE node SET spaces = 0`);
      await database.run("COMMIT");

      const outcome = await hosting;
      assert.deepEqual(outcome, { kind: "accepted", activated: [SPACE], skipped: [] });
      assert.equal(await repository.spaceCount(), 1);
      const after = await repository.standing({ identities: [], space: SPACE });
      assert.notEqual(after.usage?.hosting, before.usage?.hosting);
      assert.deepEqual(await findingsIn(repository), []);
    },
  });

  Deno.test({
    name: `${kind}: a space goes with the graves of many blocks, and another's stay`,
    ignore,
    async fn() {
      await using database = await freshDatabase(kind);
      await using repository = await database.open({ now });
      await host(repository, SPACE, OTHER_SPACE);
      // More than go in one step.
      const digits = "(SELECT 0 AS d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4)";
      const names = ["a", "b", "c", "d", "e", "f"].map((name) => `${digits} ${name}`);
      const text = kind === "postgres" ? "lpad(n::text, 64, '0')" : "lpad(n, 64, '0')";
      await database.run(`
        INSERT INTO block (space_no, hash, size, refs, grave, buried_at)
        SELECT s.no, ${text}, 1, 0, s.no * 20000 + n, 1 FROM space s,
          (SELECT ((((a.d * 5 + b.d) * 5 + c.d) * 5 + d.d) * 5 + e.d) * 5 + f.d AS n
           FROM ${names.join(", ")}) numbers WHERE n < 10001`);
      await repository.setSpaceState(SPACE, "open", "erasing");
      await repository.eraseDelegations(SPACE, 0, 100);

      assert.equal(await repository.eraseSpace(SPACE), true);

      const [left] = await database.rows("SELECT count(*) AS count FROM block");
      assert.equal(Number(left?.["count"]), 10_001);
      assert.deepEqual(await repository.spaces(undefined, 10), [OTHER_SPACE]);
    },
  });

  Deno.test({
    name:
      `${kind}: a node that remembers a delegation does not trust it when its ancestor was erased`,
    ignore,
    async fn() {
      await using database = await freshDatabase(kind);
      await using node = await database.open({ now });
      await using operator = await database.open({ now });
      await host(node, SPACE);
      const root = aDelegation();
      const child = aChild([root.record], { delegator: BOB, delegatee: CAROL });
      await accept(operator, root, child);
      // A list remembers what it names, and not what that rests on.
      const { found } = await node.delegationsIn({ space: SPACE, delegatee: CAROL, limit: 10 });
      assert.equal(found.length, 1);

      await operator.setSpaceState(SPACE, "open", "erasing");
      await operator.eraseDelegations(SPACE, 0, 100);

      for (let turn = 0; turn < 2; turn++) {
        assert.equal((await node.delegations([child.record.cid])).has(child.record.cid), false);
      }
    },
  });
}

/** Whether a transaction waits for a lock. */
async function waiting({ kind, rows }: TestDatabase): Promise<boolean> {
  const sql = kind === "postgres"
    ? `SELECT 1 FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock'`
    : `SELECT 1 FROM information_schema.innodb_trx t
         JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
       WHERE t.trx_state = 'LOCK WAIT' AND p.db = database()`;
  // What the engine shows of transactions stays as it was while it is asked ten times a second.
  if (kind === "mysql") await rows("SELECT sleep(0.15)");
  return (await rows(sql)).length > 0;
}
