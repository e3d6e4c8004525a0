// Recomputes reference counts and sizes from the entries, space by space under its lock; never touches
// a value (configuration.md).

import { isNull, number, text } from "../rows.ts";
import { heldIn, WRONG_COUNTS } from "./check.ts";
import type { Server, Session } from "./server.ts";
import { lockNode } from "./spaces.ts";

const SPACES = "SELECT no FROM space WHERE no > ? ORDER BY no LIMIT 100";
const LOCK = "SELECT used FROM space WHERE no = ? FOR UPDATE";
const REFERENCES = `
  SELECT c.hash, c.counted, c.size, b.refs
  FROM (
    SELECT hash, sum(counted) AS counted, max(size) AS size
    FROM (
      SELECT hash, 0 AS counted, size FROM block WHERE space_no = ?
      UNION ALL
      SELECT hash, 1, size FROM entry WHERE space_no = ? AND inline IS NULL) u
    GROUP BY hash) c
  LEFT JOIN block b ON b.space_no = ? AND b.hash = c.hash
  WHERE b.refs IS NULL OR b.refs <> c.counted`;
const ADD_BLOCK = "INSERT INTO block (space_no, hash, size, refs) VALUES (?, ?, ?, ?)";
// A block that keys refer to loses its grave, or the collector would still remove its file.
const SET_LIVE = `
  UPDATE block SET refs = ?, grave = NULL, buried_at = NULL WHERE space_no = ? AND hash = ?`;
const SET_DEAD = "UPDATE block SET refs = 0 WHERE space_no = ? AND hash = ?";
const ENTRIES = `
  SELECT "key", size, held, headers FROM entry
  WHERE space_no = ? AND "key" >= ? ORDER BY "key" LIMIT ?`;
const ENTRIES_A_STEP = 500;
const SET_HELD = 'UPDATE entry SET held = ? WHERE space_no = ? AND "key" = ?';
const HELD = "SELECT coalesce(sum(held), 0) AS held FROM entry WHERE space_no = ?";
const SET_USED = "UPDATE space SET used = ?, changes = changes + 1 WHERE no = ?";
const COUNT_SPACES = `
  SELECT n.spaces, (SELECT count(*) FROM space) AS hosted FROM node n WHERE n.id = 1`;
const SET_SPACES = "UPDATE node SET spaces = ?, changes = changes + 1 WHERE id = 1";
const FORGET_COUNT = "DELETE FROM delegation_count WHERE scope = ? AND delegator = ?";
const COUNTS_A_STEP = 1_000;

/** How many rows were wrong. */
export async function repairCounters(server: Server): Promise<number> {
  let wrong = await server.transaction(repairNode);
  for (let after = 0;;) {
    const from = after;
    const spaces = await server.direct((session) => session.all(SPACES, from));
    for (const row of spaces) {
      after = number(row, "no");
      const spaceNo = after;
      wrong += await server.patient((session) => repairSpace(session, spaceNo));
    }
    if (spaces.length === 0) return wrong;
  }
}

async function repairNode(session: Session): Promise<number> {
  await lockNode(session);
  let wrong = 0;
  const node = await session.one(COUNT_SPACES);
  if (node !== undefined && number(node, "spaces") !== number(node, "hosted")) {
    wrong += await session.run(SET_SPACES, number(node, "hosted"));
  }
  // Forgotten, so that they are counted anew.
  for (const row of await session.all(WRONG_COUNTS, COUNTS_A_STEP)) {
    wrong += await session.run(FORGET_COUNT, text(row, "scope"), text(row, "delegator"));
  }
  return wrong;
}

async function repairSpace(session: Session, spaceNo: number): Promise<number> {
  await session.run("BEGIN");
  const space = await session.one(LOCK, spaceNo);
  let wrong = 0;
  for (const row of await session.all(REFERENCES, spaceNo, spaceNo, spaceNo)) {
    const [hash, counted] = [text(row, "hash"), number(row, "counted")];
    if (isNull(row, "refs")) {
      wrong += await session.run(ADD_BLOCK, spaceNo, hash, number(row, "size"), counted);
    } else if (counted > 0) wrong += await session.run(SET_LIVE, counted, spaceNo, hash);
    else wrong += await session.run(SET_DEAD, spaceNo, hash);
  }
  wrong += await repairHeld(session, spaceNo);
  const sum = await session.one(HELD, spaceNo);
  const held = sum === undefined ? 0 : number(sum, "held");
  if (space !== undefined && number(space, "used") !== held) {
    wrong += await session.run(SET_USED, held, spaceNo);
  }
  await session.run("COMMIT");
  return wrong;
}

async function repairHeld(session: Session, spaceNo: number): Promise<number> {
  let wrong = 0;
  for (let from = "";;) {
    const rows = await session.all(ENTRIES, spaceNo, from, ENTRIES_A_STEP);
    for (const row of rows) {
      const held = heldIn(row);
      if (held === number(row, "held")) continue;
      wrong += await session.run(SET_HELD, held, spaceNo, text(row, "key"));
    }
    const last = rows.at(-1);
    // The last one is looked at twice: its key is the next one's beginning.
    if (last === undefined || rows.length < ENTRIES_A_STEP) return wrong;
    from = text(last, "key");
  }
}
