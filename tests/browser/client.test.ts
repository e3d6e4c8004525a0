// The client in a page of another origin (wire §9): what `examples/page` does, what the browser asks the
// node before it lets a page have its way, and what the page may read.

import assert from "node:assert/strict";
import type { Browser } from "playwright-core";
import { walletFromPrivateKey } from "../../client/mod.ts";
import { type PageServer, servePage } from "../../examples/page/serve.ts";
import { startTestNode, type TestNode } from "../support/node.ts";
import { aPage, browserTest, open, type Watched } from "./browser.ts";

let server: PageServer | undefined;
Deno.test.beforeAll(async () => void (server = await servePage(0)));
Deno.test.afterAll(async () => await server?.[Symbol.asyncDispose]());

/** What the page tells when all goes well; `…` is any text. */
const STEPS: readonly string[] = [
  "found TinyCloud node …",
  "signed in, with a space of one’s own: tinycloud:pkh:eip155:1:0x…:default",
  'put a note; its ETag is "blake3-…"',
  "got it back: Hello from a page! (curious, text/plain;charset=UTF-8)",
  "listed the keys: notes/page",
  "shared notes/ with a second session, which reads: Hello from a page!",
  "shared it by a link, which opens: Hello from a page!",
  "revoked the share; the second session is refused: revoked",
  "deleted the note",
];

/** A browser writes these two refusals down, though the page expects them: no space yet, and the end. */
const EXPECTED = [404, 401].map((status) =>
  `Failed to load resource: the server responded with a status of ${status}`
);

browserTest("a page of another origin signs in, stores, shares and revokes", async (browser) => {
  await using node = await startTestNode();
  const watched = await aPage(browser);

  const outcome = await runExample(watched, node);

  assert.equal(outcome, "Done.");
  await assertSteps(watched);
  const origins = new Set(watched.requests.map((each) => new URL(each.split(" ")[1] ?? "").origin));
  assert.deepEqual([...origins], [new URL(pageUrl()).origin, node.url]);
  assert.deepEqual(
    watched.complaints.map((each) => each.replace(/ \(.*/, "")),
    EXPECTED,
  );
});

browserTest(
  "the browser asks once for each path, and is content with the answer",
  async (browser) => {
    await using node = await startTestNode();

    await runExample(await aPage(browser), node);

    const count = (request: string) =>
      node.lines.filter((line) => line.includes(` request ${request} `)).length;
    // The answer covers every header, for ten minutes.
    const asked = ["/invoke", "/delegate", "/revoke"].map((path) => count(`OPTIONS ${path} 204`));
    assert.deepEqual(asked, [1, 1, 1]);
    assert.ok(count("POST /invoke 200") >= 6);
    // Without a token there is nothing to ask.
    assert.deepEqual([count("GET /info 200"), count("OPTIONS /info 204")], [1, 0]);
  },
);

browserTest("the wallet of the browser signs in", async (browser) => {
  await using node = await startTestNode();
  const watched = await aPage(browser);
  const wallet = walletFromPrivateKey(new Uint8Array(32).fill(7));
  const signed: string[] = [];
  await watched.page.exposeFunction("askWallet", async (method: string, text: string) => {
    if (method === "eth_requestAccounts") return [wallet.address.toLowerCase()];
    if (method === "eth_chainId") return "0x1";
    signed.push(new TextDecoder().decode(Uint8Array.fromHex(text.slice(2))));
    return `0x${(await wallet.sign(signed.at(-1) ?? "")).toHex()}`;
  });
  await watched.page.addInitScript(
    "window.ethereum = { request: ({ method, params = [] }) => askWallet(method, params[0]) }",
  );

  const outcome = await runExample(watched, node, { own: true });

  assert.equal(outcome, "Done.");
  await assertSteps(watched);
  const { host } = new URL(pageUrl());
  assert.ok(signed.length >= 2, "it hosts its space, and signs in");
  for (const text of signed) {
    assert.match(text, new RegExp(`^${host} wants you to sign in with your Ethereum account:\n`));
  }
});

browserTest("a page reads all headers of an answer, refusals too", async (browser) => {
  await using node = await startTestNode();
  const { page } = await openExample(browser);

  const read = (path: string, init: RequestInit) =>
    page.evaluate<Record<string, string>>(
      `fetch(${JSON.stringify(node.url + path)}, ${JSON.stringify(init)})
         .then(({ headers }) => Object.fromEntries(headers))`,
    );
  const info = await read("/info", {});
  const refused = await read("/invoke", { method: "POST", headers: { authorization: "x" } });
  const wrong = await read("/invoke", { method: "DELETE", headers: { "x-tinycloud-meta-a": "b" } });

  assert.equal(info["content-type"], "application/json");
  for (const headers of [info, refused, wrong]) {
    assert.match(headers["tinycloud-trace-id"] ?? "", /^[0-9a-f]{32}$/);
  }
  assert.equal(refused["x-tinycloud-error"], "token_malformed");
  assert.equal(wrong["allow"], "POST, OPTIONS");
});

browserTest("/ answers a page's fetch with JSON, as /info does", async (browser) => {
  await using node = await startTestNode();
  const { page } = await openExample(browser);
  const text = (path: string) =>
    page.evaluate(`fetch(${JSON.stringify(node.url + path)}).then((answer) => answer.text())`);
  assert.equal(await text("/"), await text("/info"));
});

browserTest("a page can't have the browser's credentials sent", async (browser) => {
  await using node = await startTestNode();
  const { page, complaints } = await openExample(browser);

  const outcome = await page.evaluate(
    `fetch("${node.url}/info", { credentials: "include" }).then(String, ({ name }) => name)`,
  );

  assert.equal(outcome, "TypeError");
  assert.ok(complaints.some((each) => each.includes("CORS policy")), complaints.join("\n"));
});

browserTest("without cors a page of another origin gets and does nothing", async (browser) => {
  await using node = await startTestNode({ env: { TINYCLOUD_CORS: "false" } });
  const watched = await aPage(browser);

  const outcome = await runExample(watched, node);
  const posted = await watched.page.evaluate(
    `fetch("${node.url}/invoke", { method: "POST", headers: { authorization: "x" } })
       .then(String, ({ name }) => name)`,
  );

  assert.equal(outcome, `Failed: No TinyCloud node answers at ${node.url}`);
  assert.equal(posted, "TypeError");
  assert.equal(await watched.page.getByRole("listitem").count(), 0);
  assert.ok(watched.complaints.some((each) => each.includes("CORS policy")));
  const lines = node.lines.filter((line) => line.includes(" request "));
  assert.ok(lines.some((line) => line.includes("OPTIONS /invoke")), "the browser asked");
  assert.ok(!lines.some((line) => line.includes("POST")), lines.join("\n"));
});

function pageUrl(): string {
  if (server === undefined) throw new Error("the page is not served");
  return server.url;
}

/** The page of `examples/page`. */
async function openExample(browser: Browser): Promise<Watched> {
  const watched = await aPage(browser);
  await open(watched, pageUrl());
  return watched;
}

/** Opens the example, has it run against the node, and gives back how it says that it ended. */
async function runExample(watched: Watched, node: TestNode, { own = false } = {}): Promise<string> {
  const { page } = watched;
  await open(watched, pageUrl());
  await page.getByLabel("Node").fill(node.url);
  if (own) await page.getByLabel("Sign in with this browser’s wallet").check();
  await page.getByRole("button", { name: "Run" }).click();
  const end = page.getByRole("status").getByText(/^(Done|Failed)/);
  await end.waitFor();
  return await end.innerText();
}

async function assertSteps({ page }: Watched): Promise<void> {
  const told = await page.getByRole("listitem").allInnerTexts();
  assert.equal(told.length, STEPS.length, told.join("\n"));
  for (const [index, step] of STEPS.entries()) {
    const [before = "", after = ""] = step.split("…");
    const text = told[index] ?? "";
    const fits = step.includes("…")
      ? text.startsWith(before) && text.endsWith(after)
      : text === step;
    assert.ok(fits, `${text} instead of ${step}`);
  }
}
