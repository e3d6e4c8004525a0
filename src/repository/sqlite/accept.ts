// Accepting a delegation (wire §4): hosting, bounds, storing. Within a transaction throughout.

import type { SpaceId } from "../../capabilities/space_id.ts";
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
import type { Database } from "./database.ts";
import { countUnexpired, keepCount } from "./delegation_counts.ts";
import { countOwned, countSpaces, createSpace, hosting, ownsSpace } from "./spaces.ts";

const EXISTS = "SELECT 1 FROM delegation WHERE cid = ?";
const IDENTITIES = `
  SELECT d.cid, d.identity
  FROM json_each(?) c CROSS JOIN delegation d ON d.cid = c.value`;

const RECORD = "INSERT INTO event (kind, cid, token, at) VALUES ('delegation', ?, ?, ?)";
const INSERT = `
  INSERT INTO delegation (position, ${DELEGATION_COLUMNS.join(", ")})
  VALUES (?, ${DELEGATION_COLUMNS.map(() => "?").join(", ")})`;
const INSERT_SCOPE = `
  INSERT INTO delegation_scope (scope, position, delegator, delegatee, until)
  VALUES (?, ?, ?, ?, ?)
  ON CONFLICT DO NOTHING`;

/** Once the guards are judged. What is refused has changed nothing. */
export function accept(database: Database, asked: NewDelegation): AcceptOutcome {
  const standing = (space: SpaceId) => hosting(database, space);
  const creates = newHosts(asked, (space) => standing(space) !== "absent");
  const isAdmitted = mayHost(
    asked,
    creates,
    () => countSpaces(database),
    (owner) => countOwned(database, owner),
  );
  if (!isAdmitted) return { kind: "notAdmitted" };
  const willHost = new Set(creates.map(({ space }) => space));
  const isOpen = (space: SpaceId) => willHost.has(space) || standing(space) === "open";
  const activated = asked.spaces.filter(isOpen);
  const concerned = asked.spaces.length > 0
    ? activated.length > 0
    : asked.urnOwners.some((owner) => ownsSpace(database, owner));
  if (!concerned) {
    return {
      kind: asked.spaces.some((space) => standing(space) === "closed") ? "closed" : "noSpace",
    };
  }
  const stored = database.one(EXISTS, asked.record.cid) !== undefined;
  const count = (scope: string, whose: Parameters<typeof countUnexpired>[2]) =>
    countUnexpired(database, scope, whose, asked.now);
  if (!stored && isTooMany(asked, count)) return { kind: "tooMany" };

  for (const { space, owner } of creates) createSpace(database, space, owner, asked.now);
  if (!stored) store(database, asked);
  const skipped = asked.spaces.filter((space) => !isOpen(space));
  return { kind: "accepted", activated, skipped };
}

function store(database: Database, { record, token, scopes, now }: NewDelegation): void {
  const rows = database.all(IDENTITIES, JSON.stringify(record.ancestors));
  const identities = new Map(rows.map((row) => [cid(row, "cid"), identity(row, "identity")]));
  const values = delegationValues(record, lineageOf(record, identities));
  const position = database.insert(RECORD, record.cid, token, record.acceptedAt);
  database.run(INSERT, position, ...values);
  const { delegator, delegatee, expiresAt: until = Infinity } = record;
  for (const { scope, owned } of scopes) {
    const counts = (owned ? [EVERYBODY] as const : [EVERYBODY, delegator] as const)
      .map((whose) => [whose, countUnexpired(database, scope, whose, now)] as const);
    const isNew = database.run(INSERT_SCOPE, scope, position, delegator, delegatee, until) > 0;
    if (!isNew || until <= now) continue;
    for (const [whose, count] of counts) keepCount(database, scope, whose, count + 1, now);
  }
}
