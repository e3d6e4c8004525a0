// GET / (wire §9): the page for people, /info for programs.

import assert from "node:assert/strict";
import { ask, assertOk, assertRefused, clientAt } from "../support/asking.ts";
import { ARE_FILES } from "../support/node_stores.ts";
import { startTestNode } from "../support/node.ts";
import { askRaw, RawConnection } from "../support/raw_http.ts";
import { RATE_LIMITED } from "../support/refusals.ts";
import { VERSION } from "../../src/version.ts";

const BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

const home = (node: { url: string }, accept?: string, method = "GET") =>
  ask(node, "/", { method, headers: accept === undefined ? {} : { accept } });

Deno.test("wire §9: a browser gets a page that says what the node is", async () => {
  await using node = await startTestNode();

  const answer = assertOk(await home(node, BROWSER));

  assert.equal(answer.headers.get("content-type"), "text/html; charset=utf-8");
  assert.match(answer.text, /^<!DOCTYPE html>\n<html lang="en">/);
  for (const said of [node.node.nodeId, VERSION, "Ready.", "kv", "delegation", "sharing"]) {
    assert.ok(answer.text.includes(said), said);
  }
});

Deno.test("wire §9: the page comes with headers that keep it to itself", async () => {
  await using node = await startTestNode();
  const { headers } = await home(node, BROWSER);
  const policy = headers.get("content-security-policy") ?? "";
  for (const rule of ["default-src", "base-uri", "form-action", "frame-ancestors"]) {
    assert.ok(policy.includes(`${rule} 'none'`), rule);
  }
  assert.ok(!/unsafe|\*|https?:/.test(policy), policy);
  assert.equal(headers.get("x-content-type-options"), "nosniff");
  assert.equal(headers.get("referrer-policy"), "no-referrer");
  assert.equal(headers.get("set-cookie"), null);
});

for (
  const accept of ["application/json", "*/*", "image/png", "text/html;q=0.5, application/json"]
) {
  Deno.test(`wire §9: / answers ${accept} as /info does`, async () => {
    await using node = await startTestNode();

    const answer = assertOk(await home(node, accept));

    const info = await ask(node, "/info", { method: "GET" });
    assert.equal(answer.text, info.text);
    for (const name of ["content-type", "access-control-allow-origin"]) {
      assert.equal(answer.headers.get(name), info.headers.get(name), name);
    }
  });
}

Deno.test("wire §9: caches keep neither, and would not mix them up", async () => {
  await using node = await startTestNode();
  for (const accept of [BROWSER, "application/json", undefined]) {
    const { headers } = await home(node, accept);
    assert.match(headers.get("vary") ?? "", /^Accept\b/);
    assert.equal(headers.get("cache-control"), "no-store");
  }
  const asked = await ask(node, "/", {
    method: "GET",
    headers: { accept: BROWSER, "access-control-request-headers": "authorization" },
  });
  assert.equal(asked.headers.get("vary"), "Accept, Access-Control-Request-Headers");
});

Deno.test("wire §9: HEAD / says the length of what GET / gives, whichever it is", async () => {
  await using node = await startTestNode();
  for (const accept of [BROWSER, "application/json"]) {
    const [head, whole] = [
      await askRaw(node, "HEAD / HTTP/1.1", [`Accept: ${accept}`]),
      await askRaw(node, "GET / HTTP/1.1", [`Accept: ${accept}`]),
    ];
    assert.equal(head.status, 200);
    assert.equal(head.text, "");
    for (const name of ["content-type", "content-length", "vary", "content-security-policy"]) {
      assert.equal(head.headers.get(name), whole.headers.get(name), name);
    }
    assert.equal(head.headers.get("content-length"), String(whole.text.length));
  }
});

Deno.test("wire §9: POST / is 405, for a browser too", async () => {
  await using node = await startTestNode();
  const answer = await home(node, BROWSER, "POST");
  assertRefused(answer, {
    status: 405,
    code: "method_not_allowed",
    sentence: "Method not allowed",
  });
  assert.equal(answer.headers.get("allow"), "GET, HEAD, OPTIONS");
});

/** What a request may hold that a page might repeat; it would stand in a cache for others. */
const CLAIMS: readonly string[] = [
  "Host: evil.example",
  "Host: evil.example:99999",
  `Host: "><b>evil.example`,
  "X-Forwarded-Host: evil.example",
  "X-Forwarded-Proto: evil.example",
  "Forwarded: host=evil.example",
  "X-Original-URL: /evil.example",
  "Origin: https://evil.example",
  "Referer: https://evil.example/",
  "User-Agent: evil.example",
  'Accept: text/html;a="evil.example"',
  "Accept-Language: evil.example",
];

/** Text that was read a byte a character. */
const utf8 = (latin1: string) =>
  new TextDecoder().decode(Uint8Array.from(latin1, (each) => each.charCodeAt(0)));

Deno.test("wire §9: the page repeats nothing that a request says:", async (t) => {
  await using node = await startTestNode();
  const { text: plain } = await home(node, BROWSER);
  for (const claim of CLAIMS) {
    await t.step(claim, async () => {
      const lines = ["Host: node", `Accept: ${BROWSER}`, claim];
      const [name = ""] = claim.split(":");
      const head = lines.filter((line) => line === claim || !line.startsWith(`${name}:`));
      using connection = await RawConnection.open(node);
      await connection.write(`GET /?evil.example HTTP/1.1\r\n${head.join("\r\n")}\r\n\r\n`);

      const answer = await connection.answer("GET");

      assert.equal(utf8(answer.text), plain);
      assert.ok(!JSON.stringify([...answer.headers]).includes("evil.example"));
    });
  }
});

if (ARE_FILES) {
  Deno.test("wire §9: the page says that the node is not ready, and why, and is there", async () => {
    await using node = await startTestNode();
    const blocks = `${node.folder}/blocks`;
    await Deno.rename(blocks, `${blocks}-away`);

    const away = assertOk(await home(node, BROWSER));
    await Deno.rename(`${blocks}-away`, blocks);
    // A check counts for a second.
    node.clock.advance(2);
    const back = assertOk(await home(node, BROWSER));

    assert.match(away.text, /Not ready\.<\/strong> It answers: Storage unavailable\./);
    assert.ok(!away.text.includes(node.folder), "no path of this machine");
    assert.match(back.text, /Ready\.<\/strong>/);
    assert.ok(!back.text.includes("Not ready"));
  });
}

Deno.test("limits: the page counts like any request", async () => {
  await using node = await startTestNode({ env: { TINYCLOUD_LIMITS_CLIENT_RATE: "2" } });
  using from = clientAt("127.0.0.2");
  const page = () => ask(node, "/", { method: "GET", headers: { accept: BROWSER }, from });

  assertOk(await page());
  assertOk(await page());
  const refused = await page();

  assertRefused(refused, RATE_LIMITED);
});

Deno.test("wire §9: with cors = false the page and the JSON are for the node's own origin", async () => {
  await using node = await startTestNode({ env: { TINYCLOUD_CORS: "false" } });
  for (const accept of [BROWSER, "application/json"]) {
    const { headers } = await home(node, accept);
    assert.equal(headers.get("access-control-allow-origin"), null);
    assert.equal(headers.get("vary"), "Accept");
  }
});

Deno.test("the log line of the page is that of a known route", async () => {
  await using node = await startTestNode();
  await home(node, BROWSER);
  assert.ok(node.lines.some((line) => / request GET \/ 200 /.test(line)), node.lines.join("\n"));
});
