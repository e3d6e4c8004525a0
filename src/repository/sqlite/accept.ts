// Accepting a delegation (wire §4): hosting, bounds, storing. Within a transaction throughout.

import type { SpaceId } from "../../capabilities/space_id.ts";
import { NodeError } from "../../errors.ts";
import type { Cid, Identity } from "../../tokens/cid.ts";
import type { AcceptOutcome, NewDelegation } from "../repository.ts";
import type { Database } from "./database.ts";
import { countUnexpired, EVERYBODY, keepCount } from "./delegation_counts.ts";
import { cid, identity } from "./rows.ts";
import { countOwned, countSpaces, createSpace, ownsSpace, spaceNumber } from "./spaces.ts";

const EXISTS = "SELECT 1 FROM delegation WHERE cid = ?";
const IDENTITIES = `
  SELECT d.cid, d.identity
  FROM json_each(?) c CROSS JOIN delegation d ON d.cid = c.value`;

const RECORD = "INSERT INTO event (kind, cid, token, at) VALUES ('delegation', ?, ?, ?)";
const INSERT = `
  INSERT INTO delegation (
    position, cid, identity, kind, delegator, delegatee, capabilities, proofs, parents, ancestors,
    lineage, issued_at, not_before, expires_at, accepted_at, host)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const INSERT_SCOPE = `
  INSERT INTO delegation_scope (scope, position, delegator, delegatee, until)
  VALUES (?, ?, ?, ?, ?)
  ON CONFLICT DO NOTHING`;

/** Once the guards are judged. What is refused has changed nothing. */
export function accept(database: Database, asked: NewDelegation): AcceptOutcome {
  const isHostedNow = (space: SpaceId) => spaceNumber(database, space) !== undefined;
  const creates = asked.hosts.filter(({ space }, index) =>
    !isHostedNow(space) && asked.hosts.findIndex((host) => host.space === space) === index
  );
  if (!mayHost(database, asked, creates)) return { kind: "notAdmitted" };
  const willHost = new Set(creates.map(({ space }) => space));
  const isHosted = (space: SpaceId) => willHost.has(space) || isHostedNow(space);
  const activated = asked.spaces.filter(isHosted);
  const concerned = asked.spaces.length > 0
    ? activated.length > 0
    : asked.urnOwners.some((owner) => ownsSpace(database, owner));
  if (!concerned) return { kind: "noSpace" };
  const stored = database.one(EXISTS, asked.record.cid) !== undefined;
  if (!stored && tooMany(database, asked)) return { kind: "tooMany" };

  for (const { space, owner } of creates) createSpace(database, space, owner, asked.now);
  if (!stored) store(database, asked);
  const skipped = asked.spaces.filter((space) => !isHosted(space));
  return { kind: "accepted", activated, skipped };
}

function mayHost(
  database: Database,
  { bounds: { spaces, spacesPerOwner } }: NewDelegation,
  creates: NewDelegation["hosts"],
): boolean {
  if (creates.length === 0) return true;
  if (countSpaces(database) + creates.length > spaces) return false;
  return creates.every(({ owner }) => {
    const more = creates.filter((other) => other.owner === owner).length;
    return countOwned(database, owner) + more <= spacesPerOwner;
  });
}

function tooMany(database: Database, { scopes, record, bounds, now }: NewDelegation): boolean {
  const { scopeDelegations, delegatorDelegations } = bounds;
  // Guests make new delegators at will: a tenth is kept for the owner, who must be able to sign in.
  const guestDelegations = scopeDelegations - Math.floor(scopeDelegations / 10);
  return scopes.some(({ scope, owned }) =>
    countUnexpired(database, scope, EVERYBODY, now) >=
      (owned ? scopeDelegations : guestDelegations) ||
    (!owned && countUnexpired(database, scope, record.delegator, now) >= delegatorDelegations)
  );
}

function store(database: Database, { record, token, scopes, now }: NewDelegation): void {
  const lineage = lineageOf(database, record);
  const position = database.insert(RECORD, record.cid, token, record.acceptedAt);
  database.run(
    INSERT,
    position,
    record.cid,
    record.identity,
    record.kind,
    record.delegator,
    record.delegatee,
    JSON.stringify(
      record.capabilities.map(({ resource, ability, caveated }) => [
        resource.uri,
        ability,
        caveated,
      ]),
    ),
    JSON.stringify(record.proofs),
    JSON.stringify(record.parents),
    JSON.stringify(record.ancestors),
    JSON.stringify(lineage),
    record.issuedAt ?? null,
    record.notBefore ?? null,
    record.expiresAt ?? null,
    record.acceptedAt,
    record.host ? 1 : 0,
  );
  const { delegator, delegatee, expiresAt: until = Infinity } = record;
  for (const { scope, owned } of scopes) {
    const counts = (owned ? [EVERYBODY] as const : [EVERYBODY, delegator] as const)
      .map((whose) => [whose, countUnexpired(database, scope, whose, now)] as const);
    const isNew = database.run(INSERT_SCOPE, scope, position, delegator, delegatee, until) > 0;
    if (!isNew || until <= now) continue;
    for (const [whose, count] of counts) keepCount(database, scope, whose, count + 1, now);
  }
}

/** The identities whose revocation ends it: its own and those of its ancestors. */
function lineageOf(
  database: Database,
  { cid: own, identity: ownIdentity, ancestors }: NewDelegation["record"],
): readonly Identity[] {
  const rows = database.all(IDENTITIES, JSON.stringify(ancestors));
  const identities = new Map<Cid, Identity>(
    rows.map((row) => [cid(row, "cid"), identity(row, "identity")]),
  );
  return [
    ownIdentity,
    ...ancestors.map((ancestor) => {
      const stored = identities.get(ancestor);
      if (stored !== undefined) return stored;
      // A chain is read before it is judged, and what was read is never removed.
      throw new NodeError("storage_unavailable", undefined, {
        cause: new Error(`an ancestor of ${own} is not stored`),
      });
    }),
  ];
}
