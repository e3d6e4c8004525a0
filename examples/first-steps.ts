/**
 * A throw-away wallet's first steps with a node: sign in, keep values, share a folder, revoke that.
 *
 *     deno run --allow-net --allow-env examples/first-steps.ts [url]
 *
 * The URL may also come from TINYCLOUD_URL. Everything it stores it deletes again; only the empty
 * space stays. Exits with 1 and one sentence when no node is there or a step goes wrong.
 */
import { connect, randomSessionKey, randomWallet } from "../client/mod.ts";
import { done, expect, refusal, run, url } from "./steps.ts";

await run(async () => {
  const node = connect(url);
  const { version, features } = await node.info();
  done(`found TinyCloud node ${version} at ${url}: ${features.join(", ")}`);

  const wallet = randomWallet();
  const alice = await node.signIn(wallet);
  done(`signed in as ${wallet.address}, with a space of one's own: ${alice.space}`);

  const { etag } = await alice.put("notes/hello", "Hello, TinyCloud!", {
    contentType: "text/plain;charset=UTF-8",
    metadata: { mood: "curious" },
  });
  await alice.put("photos/cat", Uint8Array.of(0xff, 0xd8, 0xff), { contentType: "image/jpeg" });
  done(`put two values; the first has the ETag ${etag}`);

  const note = await alice.get("notes/hello");
  expect(note?.text() === "Hello, TinyCloud!", "get gave another value than put stored");
  done(`got it back: ${note?.text()}`);

  const keys = await alice.list();
  expect(keys.join() === "notes/hello,photos/cat", `list gave ${keys.join()}`);
  done(`listed the keys: ${keys.join(", ")}`);

  const info = await alice.head("notes/hello");
  expect(info?.size === 17 && info.etag === etag, "the metadata do not fit the value");
  expect(info?.metadata.mood === "curious", "the metadata lack what put gave");
  done(`read only the metadata: ${info?.size} bytes of ${info?.contentType}`);

  const stale = alice.put("notes/hello", "Too late", { ifNoneMatch: "*" });
  done(`put with "only if absent" is refused: ${await refusal(stale, "precondition_failed")}`);

  const key = await randomSessionKey();
  const shared = await alice.delegate({ to: key.did, path: "photos/", abilities: ["get", "list"] });
  const bob = node.use(key, shared);
  done(`shared the folder photos/ with a second key: ${key.did}`);

  const photo = await bob.get("photos/cat");
  expect(photo?.bytes.length === 3, "the second key did not get the photo");
  done(`the second key lists ${(await bob.list()).join(", ")} and gets ${photo?.size} bytes`);

  const peek = await refusal(bob.get("notes/hello"), "unauthorized_action");
  done(`it may not read beside the folder: ${peek}`);
  const overwrite = await refusal(bob.put("photos/cat", ""), "unauthorized_action");
  done(`it may not write inside: ${overwrite}`);

  const granted = await alice.delegations();
  expect(granted.some(({ cid }) => cid === shared.cid), "the share is not among the delegations");
  done(`the space knows ${granted.length} delegations, the share among them`);

  await alice.revoke(shared.cid);
  done(`revoked the share: ${await refusal(bob.get("photos/cat"), "revoked")}`);

  for (const name of keys) expect(await alice.delete(name), `${name} was not there to delete`);
  expect((await alice.get("notes/hello")) === undefined, "a deleted value is still there");
  expect((await alice.list()).length === 0, "deleted keys are still listed");
  done("deleted everything");
});
