// The page for people: what it says, and that it needs nothing from elsewhere.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { CONTENT_SECURITY_POLICY, homePage } from "../../../src/http/page/home_page.ts";
import type { Info } from "../../../src/http/routes/info.ts";

const INFO: Info = {
  protocol: 1,
  version: "1.2.3",
  features: ["kv", "sharing"],
  nodeId: "did:key:z6MkExample",
  inTEE: false,
};
const HOSTILE = `"'><script>alert(1)</script><img src=x onerror=alert(1)>&{{ version }}`;
const ESCAPED =
  "&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;";

Deno.test("the page says what the node is, its features in words", () => {
  const page = homePage(INFO, undefined);
  for (
    const said of ["1.2.3", "did:key:z6MkExample", "TinyCloud 1", "<code>kv</code> keeps values"]
  ) {
    assert.ok(page.includes(said), said);
  }
  assert.ok(!page.includes("<code>delegation</code>"), "a feature that it lacks");
  assert.ok(!/\{\{|undefined|\[object/.test(page));
});

Deno.test("it says that the node is ready, or why it is not", () => {
  assert.match(homePage(INFO, undefined), /<strong>Ready\.<\/strong>/);
  const troubled = homePage(INFO, "Storage full");
  assert.match(troubled, /<strong>Not ready\.<\/strong> It answers: Storage full\./);
  assert.ok(!troubled.includes("Ready."));
});

for (const name of ["version", "nodeId"] as const) {
  Deno.test(`a hostile ${name} is text on the page`, () => {
    const page = homePage({ ...INFO, [name]: HOSTILE }, undefined);
    assert.ok(page.includes(ESCAPED));
    assert.ok(!page.includes("<img"));
    assert.equal(page.match(/<script/g)?.length, 1);
  });
}

Deno.test("a hostile reason is text on the page", () => {
  const page = homePage(INFO, HOSTILE);
  assert.ok(page.includes(ESCAPED));
  assert.equal(page.match(/<script/g)?.length, 1);
});

Deno.test("the policy allows the page's style and script by what they are, and nothing from elsewhere", () => {
  const page = homePage(INFO, undefined);
  const hash = (tag: string) => {
    const found = page.matchAll(new RegExp(`<${tag}[^>]*>([^]*?)</${tag}>`, "g")).toArray();
    assert.equal(found.length, 1, `one ${tag}`);
    return `'sha256-${createHash("sha256").update(found[0]?.[1] ?? "").digest("base64")}'`;
  };
  assert.deepEqual(CONTENT_SECURITY_POLICY.split("; "), [
    "default-src 'none'",
    `style-src ${hash("style")}`,
    `script-src ${hash("script")}`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ]);
});

Deno.test("nothing on the page would be refused by its policy, or leads away", () => {
  const page = homePage(INFO, undefined);
  assert.ok(!/\sstyle=|\son\w+=|javascript:|@import|<(?:iframe|object|form|base)\b/i.test(page));
  const targets = page.matchAll(/\s(?:href|src)="([^"]*)"/g).map(([, target = ""]) => target);
  assert.deepEqual(targets.map((each) => each.slice(0, 9)).toArray(), [
    "data:imag",
    "info",
    "healthz",
  ]);
  assert.ok(!/url\(/.test(page));
});
