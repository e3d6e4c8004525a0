// Accepting a delegation (wire §4): hosting, bounds, storing. One transaction, under the locks of the
// spaces that it names, or that those name on which it rests: erasing one would remove them.

import type { SpaceId } from "../../capabilities/space_id.ts";
import type { Principal } from "../../tokens/did.ts";
import {
  delegationValues,
  EVERYBODY,
  isTooMany,
  lineageOf,
  mayHost,
  newHosts,
} from "../accept_rules.ts";
import type { AcceptOutcome, NewDelegation } from "../repository.ts";
import { cid, identity } from "../rows.ts";
import { DELEGATION_COLUMNS } from "../tables.ts";
import { type Counts, countUnexpired, NEVER } from "./counts.ts";
import { judge, newAttempt, standingsOf, use } from "./guards.ts";
import { listOf, type Server, type Session } from "./server.ts";
import {
  countOwned,
  countSpaces,
  createSpace,
  type LockedSpace,
  lockNode,
  lockSpaces,
  touch,
} from "./spaces.ts";

const EXISTS = "SELECT 1 AS one FROM delegation WHERE cid = ?";
const INSERT = `
  INSERT INTO delegation (position, ${DELEGATION_COLUMNS.join(", ")})
  VALUES (?, ${DELEGATION_COLUMNS.map(() => "?").join(", ")})`;
const SCOPE_COLUMNS = ["scope", "position", "delegator", "delegatee", "until"] as const;

export async function acceptDelegation(
  server: Server,
  asked: NewDelegation,
  restsOn: readonly SpaceId[],
  now: () => number,
): Promise<AcceptOutcome> {
  const attempt = newAttempt();
  let before: AcceptOutcome | undefined;
  return await server.transaction(async (session) => {
    const names = asked.hosts.map(({ space }) => space);
    // One of them may be erased while its lock is waited for, and is then created.
    if (names.length > 0) await lockNode(session);
    const toLock = new Set([...asked.spaces, ...names, ...restsOn]);
    const locked = await lockSpaces(session, [...toLock].toSorted());
    const standings = await standingsOf(session, asked, attempt);
    if (standings.used === "here" && before !== undefined) return before;
    before = judge(standings, asked, now()) ??
      await accept(server, session, asked, locked, attempt);
    return before;
  });
}

async function accept(
  server: Server,
  session: Session,
  asked: NewDelegation,
  locked: ReadonlyMap<string, LockedSpace>,
  attempt: string,
): Promise<AcceptOutcome> {
  const creates = newHosts(asked, (space) => locked.has(space));
  if (!await isAdmitted(session, asked, creates)) return { kind: "notAdmitted" };
  const willHost = new Set(creates.map(({ space }) => space));
  const isOpen = (space: SpaceId) => willHost.has(space) || locked.get(space)?.hosting === "open";
  const activated = asked.spaces.filter(isOpen);
  const concerned = asked.spaces.length > 0
    ? activated.length > 0
    : await ownsOne(session, asked.urnOwners);
  if (!concerned) {
    return { kind: asked.spaces.some((space) => locked.has(space)) ? "closed" : "noSpace" };
  }
  const isStored = await session.one(EXISTS, asked.record.cid) !== undefined;
  const counts = await countUnexpired(
    server,
    session,
    isStored ? [] : asked.scopes,
    asked.record.delegator,
    asked.now,
  );
  if (!isStored && isTooMany(asked, counts.of)) return { kind: "tooMany" };

  if (asked.use !== undefined && !await use(server, session, asked.use, attempt)) {
    return { kind: "duplicate" };
  }
  for (const { space, owner } of creates) await createSpace(session, space, owner, asked.now);
  if (!isStored) {
    await store(server, session, asked, counts);
    for (const { no } of locked.values()) await touch(session, no);
  }
  const skipped = asked.spaces.filter((space) => !isOpen(space));
  return { kind: "accepted", activated, skipped };
}

async function isAdmitted(
  session: Session,
  asked: NewDelegation,
  creates: NewDelegation["hosts"],
): Promise<boolean> {
  if (creates.length === 0) return true;
  const spaces = await countSpaces(session);
  const owned = new Map<Principal, number>();
  for (const { owner } of creates) owned.set(owner, await countOwned(session, owner));
  return mayHost(asked, creates, () => spaces, (owner) => owned.get(owner) ?? 0);
}

async function ownsOne(session: Session, owners: readonly Principal[]): Promise<boolean> {
  if (owners.length === 0) return false;
  const { marks, values } = listOf(owners);
  const row = await session.one(
    `SELECT 1 AS one FROM space WHERE owner IN ${marks} LIMIT 1`,
    ...values,
  );
  return row !== undefined;
}

async function store(
  server: Server,
  session: Session,
  { record, token, scopes, now }: NewDelegation,
  counts: Counts,
): Promise<void> {
  const { marks, values } = listOf(record.ancestors);
  const rows = await session.all(
    `SELECT cid, identity FROM delegation WHERE cid IN ${marks}`,
    ...values,
  );
  const identities = new Map(rows.map((row) => [cid(row, "cid"), identity(row, "identity")]));
  const lineage = lineageOf(record, identities);
  const position = await session.insert(
    server.dialect.insertNumbered("event", "seq", ["kind", "cid", "token", "at"]),
    "delegation",
    record.cid,
    token,
    record.acceptedAt,
  );
  await session.run(INSERT, position, ...delegationValues(record, lineage));
  const { delegator, delegatee, expiresAt: until = NEVER } = record;
  const insertScope = server.dialect.insertOrIgnore("delegation_scope", SCOPE_COLUMNS);
  for (const { scope, owned } of scopes) {
    const isNew = await session.run(insertScope, scope, position, delegator, delegatee, until) > 0;
    if (!isNew || until <= now) continue;
    for (const whose of owned ? [EVERYBODY] as const : [EVERYBODY, delegator] as const) {
      await counts.keep(scope, whose, counts.of(scope, whose) + 1);
    }
  }
}
