// Long answers: admitted first, told only while the chain holds (wire §6 and §8).

import assert from "node:assert/strict";
import { NodeError } from "../../../src/errors.ts";
import type { ReadOutcome, Repository } from "../../../src/repository/repository.ts";
import type { Authorized } from "../../../src/spaces/authorize.ts";
import { inPieces } from "../../../src/spaces/pieces.ts";
import type { Ports } from "../../../src/spaces/ports.ts";
import type { Identity } from "../../../src/tokens/cid.ts";
import { parseSpaceId } from "../../../src/capabilities/space_id.ts";
import { aCapability, aDelegation, did, NOW, SPACE } from "../../support/tokens.ts";

const PROOF = aDelegation("proof", { delegatee: did("user") });

/** An answer of three pieces, and what it asked of the repository. */
function world(outcome: ReadOutcome = { kind: "admitted" }) {
  const asked: string[] = [];
  const revoked = new Set<Identity>();
  const time = { now: NOW };
  const repository = {
    admitRead: () => (asked.push("admit"), Promise.resolve(outcome)),
    releaseRead: () => (asked.push("release"), Promise.resolve()),
    standing: () => Promise.resolve({ used: true, revoked }),
  } as Partial<Repository> as Repository; // it is asked nothing else
  const ports = {
    repository,
    clock: { nowSeconds: () => time.now, monotonicMs: () => 0 },
    rules: { maxDelegationLifetime: undefined },
  } as unknown as Ports; // likewise
  const invocation = {
    claims: { issuer: did("user"), capabilities: [aCapability()], proofs: [PROOF.cid] },
    records: new Map([[PROOF.cid, PROOF]]),
    guards: {
      use: { key: "00", expiresAt: NOW },
      unrevoked: [PROOF.identity],
      validUntil: NOW + 10,
    },
  } as unknown as Authorized; // made by `authorize` only, but for tests
  const space = parseSpaceId(SPACE)?.space ?? assert.fail("a space");
  const answer = (pieces: AsyncGenerator<number>) => inPieces(pieces, invocation, space, ports);
  return { asked, revoked, time, answer };
}

async function* three(made: number[] = []): AsyncGenerator<number> {
  for (const piece of [1, 2, 3]) {
    made.push(piece);
    yield await Promise.resolve(piece);
  }
}

Deno.test("an answer has all its pieces, and its token is used up", async () => {
  const { asked, answer } = world();

  assert.deepEqual(await Array.fromAsync(await answer(three())), [1, 2, 3]);

  assert.deepEqual(asked, ["admit"]);
});

Deno.test("nothing is made for a token that was used before", async () => {
  const { answer } = world({ kind: "duplicate" });
  const made: number[] = [];

  await assert.rejects(answer(three(made)), { code: "invocation_replayed" });

  assert.deepEqual(made, []);
});

Deno.test("an answer that fails before its first piece gives the token back", async () => {
  const { asked, answer } = world();
  // deno-lint-ignore require-yield -- it fails first
  const failing = (async function* (): AsyncGenerator<number> {
    throw await Promise.resolve(new NodeError("storage_unavailable"));
  })();

  await assert.rejects(answer(failing), { code: "storage_unavailable" });

  assert.deepEqual(asked, ["admit", "release"]);
});

for (
  const [what, end] of [["a revocation", "revoke"], ["the end of the chain", "expire"]] as const
) {
  Deno.test(`an answer under way tells nothing after ${what}`, async () => {
    const { revoked, time, answer } = world();
    const told: number[] = [];

    const reading = (async () => {
      for await (const piece of await answer(three())) {
        told.push(piece);
        if (end === "revoke") revoked.add(PROOF.identity);
        else time.now = NOW + 10;
      }
    })();

    await assert.rejects(reading, { name: "NodeError" });
    assert.deepEqual(told, [1]);
  });
}

Deno.test("an answer that nobody reads to its end is cleaned up", async () => {
  const { answer } = world();
  let isClosed = false;
  const pieces = (async function* () {
    try {
      yield* three();
    } finally {
      isClosed = true;
    }
  })();

  for await (const _ of await answer(pieces)) break;

  assert.ok(isClosed);
});
