// References to blocks, and the protocol by which the collector removes what nobody refers to.
//
// A block's file is written before the commit that refers to it, and removed after the commit that
// condemned it; the two never share a transaction. What keeps a live value's file is this row:
//
//   live        refs > 0, no grave
//   unused      refs = 0, no grave         the file is there, nobody refers to it
//   condemned   refs = 0, grave g          the file may be there, or may just be going
//   buried      refs = 0, grave g, buried  the removal under g is over
//   unknown     no row                     nobody referred to it, or its grave was forgotten
//
// A put passes when the row has no grave, or when it was written `over` the very grave that the row
// has and that one is buried. Otherwise it is told, writes the file again and comes back.
//
// Why no live value misses its file. Suppose a put commits a reference at time C, having finished
// writing the file at W < C, and a removal R ran after W, under a grave g, between g's condemnation
// and its burial.
//  - g was given out after C: the row had no reference at that moment, so this put's reference was
//    gone by then, and the value is not live.
//  - g was given out before C, and the row still has it at C: the put passes only over a buried g,
//    and it learnt of g's burial before it wrote: R < burial < W. So R did not run after W.
//  - g was given out before C, and the row has lost it by C: to a put that wrote over it when it was
//    buried, or by being forgotten. Either way W < R < burial. In the first case that other put
//    wrote the same content after the burial and before C, and no removal under g comes after it;
//    for a removal under a later grave the argument starts again, with its write in place of W. In
//    the second case the grave was older than any put may run, and W lies before it: this put ran
//    too long, which the caller of `forgetGraves` excludes.
// It needs two things of the collector: a removal ends before its burial is reported, and whoever
// takes up `unburied` work does so when nobody else can be removing (the lease).
//
// Why the put wins. It is told `condemned` once for each grave given out while it runs, and a new
// grave needs the last reference to go once more; so it passes as soon as nobody else puts and
// deletes the same content meanwhile. A condemned block is never revived without being written
// again: the collector never has to ask, and so never comes too late.
//
// A condemnation is synced even where other commits are not: otherwise a power cut could keep the
// removal of a file and lose the deletion of the key that referred to it.

import type { SpaceId } from "../../capabilities/space_id.ts";
import type { BlockState } from "../change_rules.ts";
import type { CondemnedBlock, ContentHash } from "../repository.ts";
import type { Database } from "./database.ts";
import { isNull, number, type Row, spaceId, text } from "../rows.ts";

const FIND = "SELECT refs, grave, buried_at FROM block WHERE space_no = ? AND hash = ?";
const REFER = `
  INSERT INTO block (space_no, hash, size, refs) VALUES (?, ?, ?, 1)
  ON CONFLICT (space_no, hash) DO UPDATE
  SET refs = refs + 1, size = excluded.size, grave = NULL, buried_at = NULL`;
const UNREFER = "UPDATE block SET refs = refs - 1 WHERE space_no = ? AND hash = ?";

const DEAD = `
  SELECT b.space_no, s.id AS space, b.hash
  FROM block b INDEXED BY block_dead CROSS JOIN space s ON s.no = b.space_no
  WHERE b.refs = 0 AND b.grave IS NULL
  LIMIT ?`;
const NEXT_GRAVE = "UPDATE node SET graves = graves + 1 WHERE id = 1 RETURNING graves";
const CONDEMN = `
  INSERT INTO block (space_no, hash, size, refs, grave) VALUES (?, ?, 0, 0, ?)
  ON CONFLICT (space_no, hash) DO UPDATE SET grave = excluded.grave, buried_at = NULL`;
const UNBURIED = `
  SELECT s.id AS space, b.hash, b.grave
  FROM block b INDEXED BY block_unburied CROSS JOIN space s ON s.no = b.space_no
  WHERE b.grave IS NOT NULL AND b.buried_at IS NULL
  ORDER BY b.grave LIMIT ?`;
const BURY = "UPDATE block SET buried_at = ? WHERE grave = ? AND buried_at IS NULL";
const FORGET = `
  DELETE FROM block WHERE grave IN
    (SELECT grave FROM block WHERE buried_at IS NOT NULL AND buried_at < ?
     ORDER BY buried_at LIMIT ?)`;

const LIVE = `
  SELECT b.hash, b.size
  FROM block b JOIN space s ON s.no = b.space_no
  WHERE s.id = ? AND b.hash > ? AND b.refs > 0
  ORDER BY b.hash LIMIT ?`;
const SPACE_NO = "SELECT no FROM space WHERE id = ?";

export function blockState(database: Database, spaceNo: number, hash: ContentHash): BlockState {
  const row = database.one(FIND, spaceNo, hash);
  if (row === undefined || isNull(row, "grave")) return { buried: false };
  return { grave: number(row, "grave"), buried: !isNull(row, "buried_at") };
}

/** Counts a reference, after `condemnation` has let it pass. */
export function refer(database: Database, spaceNo: number, hash: ContentHash, size: number): void {
  database.run(REFER, spaceNo, hash, size);
}

export function unrefer(database: Database, spaceNo: number, hash: ContentHash): void {
  database.run(UNREFER, spaceNo, hash);
}

export function condemnDead(database: Database, limit: number): readonly CondemnedBlock[] {
  return database.all(DEAD, limit).map((row) => {
    const hash = text(row, "hash");
    const grave = condemn(database, number(row, "space_no"), hash);
    return { space: spaceId(row, "space"), hash, grave };
  });
}

export function condemnStray(
  database: Database,
  space: SpaceId,
  hash: ContentHash,
): CondemnedBlock | undefined {
  const hosted = database.one(SPACE_NO, space);
  if (hosted === undefined) return undefined;
  const spaceNo = number(hosted, "no");
  const row = database.one(FIND, spaceNo, hash);
  if (row !== undefined && number(row, "refs") > 0) return undefined;
  // Condemned already and not buried: the removal to come is the one that is asked for.
  const waiting = row !== undefined && !isNull(row, "grave") && isNull(row, "buried_at");
  const grave = waiting ? number(row, "grave") : condemn(database, spaceNo, hash);
  return { space, hash, grave };
}

export function unburied(database: Database, limit: number): readonly CondemnedBlock[] {
  return database.all(UNBURIED, limit).map((row) => ({
    space: spaceId(row, "space"),
    hash: text(row, "hash"),
    grave: number(row, "grave"),
  }));
}

export function bury(database: Database, grave: number, now: number): void {
  database.run(BURY, now, grave);
}

export function forgetGraves(database: Database, before: number, limit: number): number {
  return database.run(FORGET, before, limit);
}

export function liveBlocks(
  database: Database,
  space: SpaceId,
  after: ContentHash | undefined,
  limit: number,
): readonly { readonly hash: ContentHash; readonly size: number }[] {
  return database.all(LIVE, space, after ?? "", limit).map((row: Row) => ({
    hash: text(row, "hash"),
    size: number(row, "size"),
  }));
}

function condemn(database: Database, spaceNo: number, hash: ContentHash): number {
  const counter = database.one(NEXT_GRAVE);
  const grave = counter === undefined ? 0 : number(counter, "graves");
  database.run(CONDEMN, spaceNo, hash, grave);
  return grave;
}
