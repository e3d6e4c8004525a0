// What is fetched to judge a chain (wire §4): no more than can be used, nothing for root authority.

import assert from "node:assert/strict";
import type { ChainQuestion } from "../../../src/capabilities/question.ts";
import type { Delegation } from "../../../src/capabilities/delegation.ts";
import type { Repository } from "../../../src/repository/repository.ts";
import { identitiesOf, loadRecords } from "../../../src/spaces/chain_facts.ts";
import { type Cid } from "../../../src/tokens/cid.ts";
import { principalOf } from "../../../src/tokens/did.ts";
import { aCapability, aCid, aDelegation, ALICE, did } from "../../support/tokens.ts";

/** What is asked of the repository for this question. */
async function loaded(question: Partial<ChainQuestion>): Promise<readonly (readonly Cid[])[]> {
  const calls: (readonly Cid[])[] = [];
  const repository = {
    delegations(cids: readonly Cid[]) {
      calls.push(cids);
      return Promise.resolve(new Map<Cid, Delegation>());
    },
  } as Partial<Repository> as Repository; // it is asked nothing else
  await loadRecords(
    {
      use: "invocation",
      signer: did("user"),
      capabilities: [aCapability()],
      proofs: [aCid("a")],
      ...question,
    },
    { repository },
  );
  return calls;
}

const alice = principalOf(ALICE.did);

Deno.test("proofs of a root token are not even loaded", async () => {
  assert.deepEqual(await loaded({ signer: alice }), []);
  assert.deepEqual(await loaded({ capabilities: [] }), []);
});

Deno.test("without proofs nothing is loaded", async () => {
  assert.deepEqual(await loaded({ proofs: [] }), []);
});

Deno.test("one capability that is not root has the proofs loaded, each once", async () => {
  const capabilities = [aCapability(), aCapability("urn:a")];
  const proofs = [aCid("b"), aCid("a"), aCid("b")];
  assert.deepEqual(await loaded({ signer: alice, capabilities, proofs }), [[aCid("b"), aCid("a")]]);
});

Deno.test("of 500 proofs one more is loaded than any chain may have", async () => {
  const proofs = Array.from({ length: 500 }, (_, at) => aCid(`proof ${at}`));
  assert.deepEqual(await loaded({ proofs }), [proofs.slice(0, 65)]);
});

Deno.test("the identities are those of all that was found", () => {
  const records = [aDelegation("a"), aDelegation("b")].map((each) => [each.cid, each] as const);
  assert.deepEqual(identitiesOf(new Map(records)), ["ucan:a", "ucan:b"]);
});
