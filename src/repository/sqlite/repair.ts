// Recomputes reference counts and sizes from the entries; never touches a value (configuration.md).

import type { Database } from "./database.ts";
import { FORGET_WRONG_COUNTS } from "./delegation_counts.ts";

const MISSING_BLOCKS = `
  INSERT INTO block (space_no, hash, size, refs)
  SELECT space_no, hash, max(size), count(*) FROM entry WHERE inline IS NULL
  GROUP BY space_no, hash
  ON CONFLICT DO NOTHING`;

// A block that keys refer to loses its grave, or the collector would still remove its file.
const REFERENCES = `
  UPDATE block SET
    refs = c.counted,
    grave = CASE WHEN c.counted = 0 THEN block.grave END,
    buried_at = CASE WHEN c.counted = 0 THEN block.buried_at END
  FROM (
    SELECT b.space_no, b.hash, coalesce(e.counted, 0) AS counted
    FROM block b LEFT JOIN (
      SELECT space_no, hash, count(*) AS counted FROM entry WHERE inline IS NULL
      GROUP BY space_no, hash) e ON e.space_no = b.space_no AND e.hash = b.hash
    WHERE b.refs <> coalesce(e.counted, 0)) c
  WHERE block.space_no = c.space_no AND block.hash = c.hash`;

const HELD = `
  UPDATE entry SET held = c.counted
  FROM (
    SELECT e.id, e.size + octet_length(e.key) + (
      SELECT coalesce(sum(length(h.value ->> 0) + length(h.value ->> 1)), 0)
      FROM json_each(e.headers) h) AS counted
    FROM entry e) c
  WHERE entry.id = c.id AND entry.held <> c.counted`;

const SIZES = `
  UPDATE space SET used = c.held
  FROM (
    SELECT s.no, coalesce(e.held, 0) AS held
    FROM space s LEFT JOIN (
      SELECT space_no, sum(held) AS held FROM entry GROUP BY space_no) e ON e.space_no = s.no
    WHERE s.used <> coalesce(e.held, 0)) c
  WHERE space.no = c.no`;

const NODE = `
  UPDATE node SET used = c.used, spaces = c.spaces
  FROM (SELECT coalesce(sum(used), 0) AS used, count(*) AS spaces FROM space) c
  WHERE node.used <> c.used OR node.spaces <> c.spaces`;

/** Within a transaction. How many rows were wrong. */
export function repairCounters(database: Database): number {
  const steps = [MISSING_BLOCKS, REFERENCES, HELD, SIZES, NODE, FORGET_WRONG_COUNTS];
  return steps.reduce((sum, sql) => sum + database.run(sql), 0);
}
