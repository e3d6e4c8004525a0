// Many keys at once, written straight into a stopped node's database: through the node a million
// would take minutes. Their events have no real tokens, so such a store fails `check`.

import { DatabaseSync } from "node:sqlite";

/** Adds the keys `{prefix}{00000000…}` to the only space; each holds one byte. */
export function addKeys(database: string, prefix: string, count: number): void {
  using db = new DatabaseSync(database);
  const hash = "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"; // of nothing real
  db.exec("BEGIN");
  const first = Number(db.prepare("SELECT coalesce(max(seq), 0) AS n FROM event").get()?.n) + 1;
  const space = Number(db.prepare("SELECT no FROM space").get()?.no);
  db.prepare(`
    WITH RECURSIVE n(at) AS (SELECT 0 UNION ALL SELECT at + 1 FROM n WHERE at + 1 < ?)
    INSERT INTO event (seq, kind, cid, token, at, space_no, key, hash, size)
    SELECT ? + at, 'put', 'b' || at, '', 0, ?, ? || printf('%08d', at), ?, 1 FROM n`)
    .run(count, first, space, prefix, hash);
  db.prepare(`
    INSERT INTO entry (space_no, key, hash, size, held, seq, headers, inline)
    SELECT space_no, key, hash, 1, 1 + length(key), seq, '[]', x'78' FROM event WHERE seq >= ?`)
    .run(first);
  const held = Number(
    db.prepare("SELECT sum(held) AS n FROM entry WHERE seq >= ?").get(first)?.n,
  );
  db.prepare("UPDATE space SET used = used + ? WHERE no = ?").run(held, space);
  db.prepare("UPDATE node SET used = used + ?").run(held);
  db.exec("COMMIT");
}
