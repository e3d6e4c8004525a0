// References to blocks, and the collector's part of them. The protocol, and why no live value misses
// its block, stand in ../sqlite/blocks.ts; what one writer is there, the lock of the space is here.

import type { SpaceId } from "../../capabilities/space_id.ts";
import type { BlockState } from "../change_rules.ts";
import type { CondemnedBlock, ContentHash } from "../repository.ts";
import { isNull, number, type Row, spaceId, text } from "../rows.ts";
import type { Server, Session } from "./server.ts";
import { lockNode, lockSpace, lockSpaces, touch } from "./spaces.ts";

const FIND = "SELECT refs, grave, buried_at FROM block WHERE space_no = ? AND hash = ?";
const INSERT = "INSERT INTO block (space_no, hash, size, refs) VALUES (?, ?, ?, 1)";
const REFER = `
  UPDATE block SET refs = refs + 1, size = ?, grave = NULL, buried_at = NULL
  WHERE space_no = ? AND hash = ?`;
const UNREFER = "UPDATE block SET refs = refs - 1 WHERE space_no = ? AND hash = ?";

const DEAD = `
  SELECT s.id AS space, b.hash
  FROM block b JOIN space s ON s.no = b.space_no
  WHERE b.refs = 0 AND b.grave IS NULL
  ORDER BY b.space_no, b.hash LIMIT ?`;
const NEXT_GRAVE = "UPDATE node SET graves = graves + 1 WHERE id = 1";
const GRAVE = "SELECT graves FROM node WHERE id = 1";
const CONDEMN = `
  UPDATE block SET grave = ?, buried_at = NULL WHERE space_no = ? AND hash = ? AND refs = 0`;
const INSERT_CONDEMNED =
  "INSERT INTO block (space_no, hash, size, refs, grave) VALUES (?, ?, 0, 0, ?)";
const UNBURIED = `
  SELECT s.id AS space, b.hash, b.grave
  FROM block b JOIN space s ON s.no = b.space_no
  WHERE b.grave IS NOT NULL AND b.buried_at IS NULL
  ORDER BY b.grave LIMIT ?`;
const BURY = "UPDATE block SET buried_at = ? WHERE grave = ? AND buried_at IS NULL";
const LIVE = `
  SELECT b.hash, b.size
  FROM block b JOIN space s ON s.no = b.space_no
  WHERE s.id = ? AND b.hash > ? AND b.refs > 0
  ORDER BY b.hash LIMIT ?`;

/** Under the lock of the space, as what follows. */
export async function blockState(
  session: Session,
  spaceNo: number,
  hash: ContentHash,
): Promise<BlockState & { readonly isThere: boolean }> {
  const row = await session.one(FIND, spaceNo, hash);
  if (row === undefined) return { isThere: false, buried: false };
  if (isNull(row, "grave")) return { isThere: true, buried: false };
  return { isThere: true, grave: number(row, "grave"), buried: !isNull(row, "buried_at") };
}

/** Counts a reference, after `condemnation` has let it pass. */
export async function refer(
  session: Session,
  spaceNo: number,
  hash: ContentHash,
  size: number,
  isThere: boolean,
): Promise<void> {
  // A grave may be forgotten between the look and this.
  if (isThere && await session.run(REFER, size, spaceNo, hash) > 0) return;
  await session.run(INSERT, spaceNo, hash, size);
}

export async function unrefer(session: Session, spaceNo: number, hash: ContentHash): Promise<void> {
  await session.run(UNREFER, spaceNo, hash);
}

export async function condemnDead(
  server: Server,
  limit: number,
): Promise<readonly CondemnedBlock[]> {
  return await server.transaction(async (session) => {
    await lockNode(session);
    const dead = (await session.all(DEAD, limit))
      .map((row) => ({ space: spaceId(row, "space"), hash: text(row, "hash") }));
    const locked = await lockSpaces(session, [...new Set(dead.map(({ space }) => space))]);
    const condemned: CondemnedBlock[] = [];
    for (const { space, hash } of dead) {
      const spaceNo = locked.get(space)?.no;
      if (spaceNo === undefined) continue;
      // Looked at again under the lock: a put may have come in between.
      const row = await session.one(FIND, spaceNo, hash);
      if (row === undefined || number(row, "refs") > 0 || !isNull(row, "grave")) continue;
      condemned.push({ space, hash, grave: await condemn(session, spaceNo, hash, row) });
    }
    for (const { no } of condemned.length > 0 ? locked.values() : []) await touch(session, no);
    return condemned;
  });
}

export async function condemnStray(
  server: Server,
  space: SpaceId,
  hash: ContentHash,
): Promise<CondemnedBlock | undefined> {
  return await server.transaction(async (session) => {
    await lockNode(session);
    const spaceNo = await lockSpace(session, space);
    if (spaceNo === undefined) return undefined;
    const row = await session.one(FIND, spaceNo, hash);
    if (row !== undefined && number(row, "refs") > 0) return undefined;
    // Condemned already and not buried: the removal to come is the one that is asked for.
    const isWaiting = row !== undefined && !isNull(row, "grave") && isNull(row, "buried_at");
    if (isWaiting) return { space, hash, grave: number(row, "grave") };
    const grave = await condemn(session, spaceNo, hash, row);
    await touch(session, spaceNo);
    return { space, hash, grave };
  });
}

export async function unburied(
  session: Session,
  limit: number,
): Promise<readonly CondemnedBlock[]> {
  return (await session.all(UNBURIED, limit)).map((row) => ({
    space: spaceId(row, "space"),
    hash: text(row, "hash"),
    grave: number(row, "grave"),
  }));
}

export async function bury(session: Session, grave: number, now: number): Promise<void> {
  await session.run(BURY, now, grave);
}

export async function forgetGraves(
  { dialect }: Server,
  session: Session,
  before: number,
  limit: number,
): Promise<number> {
  const where = "refs = 0 AND buried_at < ?";
  return await session.run(dialect.deleteSome("block", "grave", where, "buried_at"), before, limit);
}

export async function liveBlocks(
  session: Session,
  space: SpaceId,
  after: ContentHash | undefined,
  limit: number,
): Promise<readonly { readonly hash: ContentHash; readonly size: number }[]> {
  const rows = await session.all(LIVE, space, after ?? "", limit);
  return rows.map((row) => ({ hash: text(row, "hash"), size: number(row, "size") }));
}

async function condemn(
  session: Session,
  spaceNo: number,
  hash: ContentHash,
  row: Row | undefined,
): Promise<number> {
  await session.run(NEXT_GRAVE);
  const counter = await session.one(GRAVE);
  const grave = counter === undefined ? 0 : number(counter, "graves");
  if (row === undefined) await session.run(INSERT_CONDEMNED, spaceNo, hash, grave);
  else await session.run(CONDEMN, grave, spaceNo, hash);
  return grave;
}
