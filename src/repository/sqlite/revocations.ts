// Revocations (wire §8): an identity is taken once and for all.

import type { NewRevocation } from "../repository.ts";
import type { Database } from "./database.ts";
import { revokedOf } from "./guards.ts";

const RECORD = "INSERT INTO event (kind, cid, token, at) VALUES ('revocation', ?, ?, ?)";
const INSERT = `
  INSERT INTO revocation (identity, seq, target, revoker, revoked_at)
  VALUES (?, ?, ?, ?, ?)`;

/** Within a transaction. */
export function revoke(database: Database, asked: NewRevocation): void {
  const { cid, token, target, identity, revoker, at } = asked;
  if (revokedOf(database, [identity]).length > 0) return;
  const seq = database.insert(RECORD, cid, token, at);
  database.run(INSERT, identity, seq, target, revoker, at);
}
