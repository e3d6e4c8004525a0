// The two changes to a key (wire §6), in one transaction under the lock of the space.

import { changeRefusal, condemnation, heldBy, type KeyState } from "../change_rules.ts";
import type { ApplyOutcome, Change, Put } from "../repository.ts";
import { isNull, number, text } from "../rows.ts";
import { blockState, refer, unrefer } from "./blocks.ts";
import { attemptColumn, judge, newAttempt, revokedOf, standingsOf, use, usedOf } from "./guards.ts";
import { listOf, type Server, type Session } from "./server.ts";
import { changed, lockNode, lockSpace, totalUsed, touchNode } from "./spaces.ts";

const EVENT = ["kind", "cid", "token", "at", "space_no", '"key"', "hash", "size"] as const;
const INSERT = `
  INSERT INTO entry (hash, size, held, seq, headers, inline, space_no, "key")
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
const UPDATE = `
  UPDATE entry SET hash = ?, size = ?, held = ?, seq = ?, headers = ?, inline = ?
  WHERE space_no = ? AND "key" = ?`;
const DELETE = 'DELETE FROM entry WHERE space_no = ? AND "key" = ?';

export async function applyInvocation(
  server: Server,
  asked: Change,
  now: () => number,
): Promise<ApplyOutcome> {
  const attempt = newAttempt();
  /** What this call came to before its connection was lost. */
  let before: ApplyOutcome | undefined;
  return await server.transaction(async (session) => {
    const outcome = await change(server, session, asked, now, attempt, before);
    before = outcome;
    return outcome;
  });
}

async function change(
  server: Server,
  session: Session,
  asked: Change,
  now: () => number,
  attempt: string,
  before: ApplyOutcome | undefined,
): Promise<ApplyOutcome> {
  const isTotal = asked.effect.kind === "put" && asked.limits.total !== undefined;
  if (isTotal) await lockNode(session);
  const spaceNo = await lockSpace(session, asked.space);
  if (spaceNo === undefined) {
    const standings = await standingsOf(session, asked, attempt);
    return judge(standings, asked, now()) ?? { kind: "noSpace" };
  }
  const { guard, isRevoked, key: state } = await stateOf(
    session,
    spaceNo,
    asked,
    attempt,
    isTotal,
  );
  if (guard === "here" && before !== undefined) return before;
  const revoked = isRevoked ? await revokedOf(session, asked.unrevoked) : [];
  const standings = { ...(guard === undefined ? {} : { used: guard }), revoked };
  const refusal = judge(standings, asked, now()) ?? changeRefusal(state, asked);
  if (refusal !== undefined) return refusal;

  const { effect } = asked;
  const { current } = state;
  let isThere = false;
  if (effect.kind === "put" && effect.content.kind === "block") {
    const block = await blockState(session, spaceNo, effect.hash);
    const condemned = condemnation(block, effect.content.over);
    if (condemned !== undefined) return condemned;
    isThere = block.isThere;
  }
  if (!await use(server, session, asked.use, attempt)) return { kind: "duplicate" };
  if (isTotal) await touchNode(session);
  const seq = await record(server, session, spaceNo, asked);
  if (effect.kind === "put") {
    if (effect.content.kind === "block") {
      await refer(session, spaceNo, effect.hash, effect.size, isThere);
    }
    await put(session, spaceNo, seq, asked, effect, current !== undefined);
  } else await session.run(DELETE, spaceNo, asked.key);
  if (current?.isBlock === true) await unrefer(session, spaceNo, current.hash);
  const held = effect.kind === "put" ? heldBy(asked.key, effect) : 0;
  await changed(session, spaceNo, held - (current?.held ?? 0), asked.event.at);
  return { kind: "applied", ...(current === undefined ? {} : { previous: current.hash }) };
}

interface State {
  readonly guard: ReturnType<typeof usedOf>;
  readonly isRevoked: boolean;
  readonly key: KeyState;
}

/** Everything that is judged, in one trip: what was committed before the lock was given. */
async function stateOf(
  session: Session,
  spaceNo: number,
  { key, use, unrevoked }: Change,
  attempt: string,
  isTotal: boolean,
): Promise<State> {
  const guard = attemptColumn(use);
  const { marks, values } = listOf(unrevoked);
  const row = await session.one(
    `
    SELECT s.used, s.max_bytes, s.closed, e.hash, e.held, CASE WHEN e.inline IS NULL THEN 1 ELSE 0 END AS is_block,
      ${guard.sql}, (SELECT count(*) FROM revocation r WHERE r.identity IN ${marks}) AS revoked
    FROM space s LEFT JOIN entry e ON e.space_no = s.no AND e."key" = ?
    WHERE s.no = ?`,
    ...guard.values,
    ...values,
    key,
    spaceNo,
  );
  if (row === undefined) throw new TypeError("a locked row is gone");
  return {
    guard: usedOf(row, attempt),
    isRevoked: number(row, "revoked") > 0,
    key: {
      used: number(row, "used"),
      total: isTotal ? await totalUsed(session) : 0,
      ...(isNull(row, "max_bytes") ? {} : { ownLimit: number(row, "max_bytes") }),
      isClosed: !isNull(row, "closed"),
      hosting: spaceNo,
      ...(isNull(row, "hash") ? {} : {
        current: {
          hash: text(row, "hash"),
          held: number(row, "held"),
          isBlock: number(row, "is_block") === 1,
        },
      }),
    },
  };
}

async function put(
  session: Session,
  spaceNo: number,
  seq: number,
  { key }: Change,
  effect: Put,
  isThere: boolean,
): Promise<void> {
  const { hash, size, headers, content } = effect;
  const inline = content.kind === "inline" ? content.bytes : null;
  await session.run(
    isThere ? UPDATE : INSERT,
    hash,
    size,
    heldBy(key, effect),
    seq,
    JSON.stringify(headers),
    inline,
    spaceNo,
    key,
  );
}

function record(
  { dialect }: Server,
  session: Session,
  spaceNo: number,
  { event: { cid, token, at }, key, effect }: Change,
): Promise<number> {
  const isPut = effect.kind === "put";
  const [hash, size] = isPut ? [effect.hash, effect.size] : [null, null];
  const sql = dialect.insertNumbered("event", "seq", EVENT);
  return session.insert(sql, effect.kind, cid, token, at, spaceNo, key, hash, size);
}
