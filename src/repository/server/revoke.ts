// Revocations (wire §8): an identity is taken once and for all. The locks of the spaces in which its
// delegations count are held meanwhile: what is under way there ends before, or sees it (invariant 4).

import type { NewRevocation } from "../repository.ts";
import { text } from "../rows.ts";
import { revokedOf } from "./guards.ts";
import type { Server } from "./server.ts";
import { lockSpaces, touch } from "./spaces.ts";

const SCOPES = `
  SELECT DISTINCT s.scope
  FROM delegation d JOIN delegation_scope s ON s.position = d.position
  WHERE d.identity = ?`;
const INSERT = `
  INSERT INTO revocation (identity, seq, target, revoker, revoked_at) VALUES (?, ?, ?, ?, ?)`;

export async function revoke(server: Server, asked: NewRevocation): Promise<void> {
  const { cid, token, target, identity, revoker, at } = asked;
  await server.transaction(async (session) => {
    const scopes = (await session.all(SCOPES, identity)).map((row) => text(row, "scope"));
    const locked = await lockSpaces(session, scopes.toSorted());
    if ((await revokedOf(session, [identity])).length > 0) return;
    const insertEvent = server.dialect.insertNumbered("event", "seq", [
      "kind",
      "cid",
      "token",
      "at",
    ]);
    const seq = await session.insert(insertEvent, "revocation", cid, token, at);
    await session.run(INSERT, identity, seq, target, revoker, at);
    for (const { no } of locked.values()) await touch(session, no);
  });
}
