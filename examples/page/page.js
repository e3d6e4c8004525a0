// A page's first steps with a node: sign in, keep a note, share it in two ways, take a share back.
// `deno task example:page` serves it; the browser tests run it as it is.
import {
  connect,
  openShare,
  randomSessionKey,
  randomWallet,
  TinyCloudError,
  walletFromProvider,
} from "../../client/mod.ts";

const form = document.querySelector("form");
const steps = document.querySelector("#steps");
const status = document.querySelector("[role=status]");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { node, own } = form.elements;
  steps.replaceChildren();
  status.textContent = "Running …";
  try {
    const { ethereum } = globalThis;
    if (own.checked && ethereum === undefined) throw new Error("This browser has no wallet");
    await run(node.value, own.checked ? await walletFromProvider(ethereum) : randomWallet());
    status.textContent = "Done.";
  } catch (error) {
    status.textContent = `Failed: ${error.message}`;
  }
});

async function run(url, wallet) {
  const node = connect(url);
  const { version } = await node.info();
  done(`found TinyCloud node ${version}`);

  // Wallets show their owner the page that asks.
  const alice = await node.signIn(wallet, { domain: location.host });
  done(`signed in, with a space of one’s own: ${alice.space}`);

  const { etag } = await alice.put("notes/page", "Hello from a page!", {
    metadata: { mood: "curious" },
  });
  done(`put a note; its ETag is ${etag}`);

  const note = await alice.get("notes/page");
  done(`got it back: ${note?.text()} (${note?.metadata.mood}, ${note?.contentType})`);
  done(`listed the keys: ${(await alice.list()).join(", ")}`);

  const key = await randomSessionKey();
  const shared = await alice.delegate({ to: key.did, path: "notes/", abilities: ["get", "list"] });
  const bob = node.use(key, shared);
  done(
    `shared notes/ with a second session, which reads: ${(await bob.get("notes/page"))?.text()}`,
  );

  const { link } = await alice.shareLink("notes/page");
  const guest = await openShare(link);
  done(`shared it by a link, which opens: ${(await guest.get("notes/page"))?.text()}`);

  await alice.revoke(shared.cid);
  done(`revoked the share; the second session is refused: ${await refusal(bob.get("notes/page"))}`);

  await alice.delete("notes/page");
  done("deleted the note");
}

function done(what) {
  const step = document.createElement("li");
  step.textContent = what;
  steps.append(step);
}

async function refusal(action) {
  const outcome = await action.then(() => undefined, (error) => error);
  if (outcome instanceof TinyCloudError) return outcome.code;
  throw outcome ?? new Error("The node allowed what it should refuse");
}
