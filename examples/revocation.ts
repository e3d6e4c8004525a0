/**
 * How access that was given is taken back: a share in the middle of a chain, by its giver; one that
 * somebody else gave, by the owner; and a whole session, by the wallet.
 *
 *     deno run --allow-net --allow-env examples/revocation.ts [url]
 */
import { connect, randomSessionKey, randomWallet, type Session } from "../client/mod.ts";
import { done, expect, refusal, run, url } from "./steps.ts";

await run(async () => {
  const node = connect(url);
  const wallet = randomWallet();
  const alice = await node.signIn(wallet);
  await alice.put("photos/cat", "🐈");

  const toBob = await share(alice);
  const bob = node.use(toBob.key, toBob.grant);
  const toCarol = await share(bob);
  const carol = node.use(toCarol.key, toCarol.grant);
  const toDave = await share(carol);
  const dave = node.use(toDave.key, toDave.grant);
  expect((await dave.get("photos/cat"))?.text() === "🐈", "Dave does not get the cat");
  done("Alice shared photos/ with Bob, he with Carol, she with Dave: all of them see the cat");

  await bob.revoke(toCarol.grant.cid);
  done("Bob revoked what he gave to Carol");
  done(`Carol is refused: ${await refusal(carol.get("photos/cat"), "revoked")}`);
  done(`so is Dave, who had it from her: ${await refused(dave)}`);
  done(`and she cannot pass it on: ${await refusal(share(carol), "parent_revoked")}`);
  expect((await bob.get("photos/cat")) !== undefined, "Bob lost what he still has");
  done("Bob himself still sees the cat");

  const toErin = await share(bob);
  const erin = node.use(toErin.key, toErin.grant);
  expect((await erin.get("photos/cat")) !== undefined, "Erin does not get the cat");
  await node.revoke(wallet, toErin.grant.cid);
  done("Alice, who owns the space, revoked what Bob gave to Erin: no session was needed");
  done(`Erin is refused: ${await refusal(erin.get("photos/cat"), "revoked")}`);

  await node.revoke(wallet, alice.grant.cid);
  done("Alice's wallet revoked her session, as if its device were lost");
  done(`the session is refused: ${await refusal(alice.get("photos/cat"), "revoked")}`);
  done(`so is Bob, whose share rests on it: ${await refused(bob)}`);

  const again = await node.signIn(wallet);
  expect((await again.get("photos/cat"))?.text() === "🐈", "the value is lost");
  done("she signed in anew: her data is all there");
  await again.delete("photos/cat");
});

/** Passes photos/ on to a fresh key. */
async function share(from: Session) {
  const key = await randomSessionKey();
  const grant = await from.delegate({ to: key.did, path: "photos/", abilities: ["get"] });
  return { key, grant };
}

/** The sentence for a session whose grant rests on a revoked one. */
function refused(session: Session): Promise<string> {
  return refusal(session.get("photos/cat"), "ancestor_revoked");
}
