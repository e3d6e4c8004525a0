// Answers that may be long (wire §6 list, §7): admitted before there is any work, given in pieces and
// only for as long as the chain holds, and never at the cost of everybody else's turn.

import type { SpaceId } from "../capabilities/space_id.ts";
import { type Authorized, refusalOf } from "./authorize.ts";
import type { Ports } from "./ports.ts";
import { readRefusal } from "./refusals.ts";

/**
 * Uses the token up, then gives the pieces. Throws the refusals of a read, and what the first piece
 * throws: then the token is as it was. A later piece that may no longer be told ends the answer.
 */
export async function inPieces<T>(
  pieces: AsyncGenerator<T>,
  invocation: Authorized,
  space: SpaceId,
  ports: Ports,
): Promise<AsyncIterable<T>> {
  const { guards } = invocation;
  const outcome = await ports.repository.admitRead({ ...guards, space });
  if (outcome.kind !== "admitted") throw readRefusal(outcome, invocation, ports);
  let first: IteratorResult<T>;
  try {
    first = await pieces.next();
  } catch (error) {
    await ports.repository.releaseRead(guards.use);
    throw error;
  }
  return (async function* () {
    try {
      for (let piece = first; !piece.done; piece = await pieces.next()) {
        yield piece.value;
        // Whoever reads slowly reads on for long, but not beyond a revocation (wire §8).
        await checkChain(invocation, ports);
      }
    } finally {
      await pieces.return(undefined);
    }
  })();
}

async function checkChain(invocation: Authorized, ports: Ports): Promise<void> {
  const { unrevoked, validUntil } = invocation.guards;
  const { revoked } = await ports.repository.standing({ identities: unrevoked });
  if (revoked.size > 0) {
    throw refusalOf({ kind: "revoked", identities: [...revoked] }, invocation, ports);
  }
  if (validUntil !== undefined && ports.clock.nowSeconds() >= validUntil) {
    throw refusalOf({ kind: "expired" }, invocation, ports);
  }
}
