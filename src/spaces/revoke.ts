// POST /revoke (wire §8, LV 3.1): take back what was delegated, and all that rests on it.

import { judgeChain } from "../capabilities/chain.ts";
import { parseAbility } from "../capabilities/ability.ts";
import type { Capability, Delegation } from "../capabilities/delegation.ts";
import { parseResource } from "../capabilities/resource.ts";
import { ownerOf, type SpaceId } from "../capabilities/space_id.ts";
import { NodeError } from "../errors.ts";
import { decodeCacao, verifyCacao } from "../tokens/cacao.ts";
import { type Cid, parseCid } from "../tokens/cid.ts";
import { type Claims, isTimely } from "../tokens/claims.ts";
import type { Principal } from "../tokens/did.ts";
import { decodeUcan, verifyUcan } from "../tokens/ucan.ts";
import { chainFacts, identitiesOf } from "./chain_facts.ts";
import type { Ports } from "./ports.ts";

const ABILITY = parseAbility("tinycloud.delegation/revoke");

export interface Revoked {
  /** The revoked CID, spelled as the token spells it. */
  readonly cid: string;
}

/**
 * `bodyCid` reads the member `cid` of a JSON body, if it has one; it must name the same delegation.
 * Once it resolves, no use below the delegation succeeds any more.
 */
export async function revoke(
  token: string,
  bodyCid: () => Promise<unknown>,
  ports: Ports,
): Promise<Revoked> {
  const claims = verify(token);
  if (!isTimely(claims, ports.clock.nowSeconds())) throw new NodeError("revoke_time");
  const { text, cid } = targetOf(claims);
  const named = await bodyCid();
  if (named !== undefined && cidOrUndefined(named) !== cid) {
    throw new NodeError("inputs_invalid");
  }
  const records = await ports.repository.delegations([cid, ...claims.proofs]);
  const target = records.get(cid);
  if (target === undefined) throw new NodeError("delegation_not_found");
  if (!passes(claims.issuer, target, records)) await requireProof(claims, target, records, ports);

  await ports.repository.revoke({
    cid: claims.cid,
    token: claims.token,
    target: cid,
    identity: target.identity,
    revoker: claims.issuer,
    at: ports.clock.nowSeconds(),
  });
  return { cid: text };
}

/** As everywhere, but a bad signature is 403 here. */
function verify(token: string): Claims {
  try {
    return token.includes(".")
      ? verifyUcan(decodeUcan(token))
      : verifyCacao(decodeCacao(token), "ignored");
  } catch (error) {
    if (error instanceof NodeError && error.code === "token_signature") {
      throw new NodeError("revoke_signature");
    }
    throw error;
  }
}

/** The delegation that the token is about. A token that is no revocation is 400 (U29, U5). */
function targetOf(claims: Claims): { text: string; cid: Cid } {
  const text = claims.kind === "cacao" ? textOfAudience(claims) : textOfCapability(claims);
  const cid = cidOrUndefined(text);
  if (text === undefined || cid === undefined) throw new NodeError("inputs_invalid");
  return { text, cid };
}

function textOfAudience({ audience }: Claims): string | undefined {
  return audience.startsWith("ucan:") ? audience.slice("ucan:".length) : undefined;
}

/** `urn:cid:{cid}`, or `{space}/delegation/{cid}`. */
function textOfCapability({ capabilities, proofs }: Claims): string | undefined {
  const [capability, ...more] = capabilities;
  if (capability === undefined || more.length > 0 || proofs.length > 1) return undefined;
  const { resource, ability, caveated } = capability;
  if (ability !== ABILITY || caveated) return undefined;
  if (resource.kind === "opaque" && resource.uri.startsWith("urn:cid:")) {
    return resource.uri.slice("urn:cid:".length);
  }
  const isDelegation = resource.kind === "space" && resource.service === "delegation" &&
    resource.query === undefined && resource.fragment === undefined;
  return isDelegation ? resource.path : undefined;
}

function cidOrUndefined(text: unknown): Cid | undefined {
  try {
    return typeof text === "string" ? parseCid(text) : undefined;
  } catch {
    return undefined;
  }
}

/** Who gave it, who got it, who gave what it rests on, and the owner of a space that it names. */
function passes(
  signer: Principal,
  target: Delegation,
  records: ReadonlyMap<Cid, Delegation>,
): boolean {
  return signer === target.delegator || signer === target.delegatee ||
    target.ancestors.some((cid) => records.get(cid)?.delegator === signer) ||
    spacesOf(target).some((space) => ownerOf(space) === signer);
}

/** The signer holds a proof that grants `delegation/revoke` on the target in one of its spaces. */
async function requireProof(
  claims: Claims,
  target: Delegation,
  records: ReadonlyMap<Cid, Delegation>,
  ports: Ports,
): Promise<void> {
  const [proofCid] = claims.proofs;
  if (proofCid === undefined) throw new NodeError("unauthorized_revoker");
  if (!records.has(proofCid)) throw new NodeError("revoke_proof");
  const { revoked } = await ports.repository.standing({ identities: identitiesOf(records) });
  const facts = chainFacts(records, revoked, ports);
  // A grant on the empty path means the whole service here (LV 3.1), so it is asked for as well.
  const wanted = spacesOf(target).flatMap((space) => [
    revocationIn(space, target.cid),
    revocationIn(space, ""),
  ]);
  const isGranted = wanted.some((capability) => {
    const question = {
      use: "invocation",
      signer: claims.issuer,
      capabilities: [capability],
      proofs: [proofCid],
    } as const;
    return judgeChain(question, facts).kind === "granted";
  });
  if (!isGranted) throw new NodeError("unauthorized_revoker");
}

function revocationIn(space: SpaceId, path: string): Capability {
  const resource = parseResource(`${space}/delegation/${path}`);
  return { resource, ability: ABILITY, caveated: false };
}

function spacesOf({ capabilities }: Delegation): SpaceId[] {
  const spaces = capabilities.flatMap(({ resource }) =>
    resource.kind === "space" ? [resource.space] : []
  );
  return [...new Set(spaces)];
}
