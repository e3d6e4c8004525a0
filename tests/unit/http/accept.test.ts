// Which representation of `/` a client takes (RFC 9110 §12.5.1).

import assert from "node:assert/strict";
import { prefersHtml } from "../../../src/http/accept.ts";

const HTML: readonly string[] = [
  "text/html",
  "text/html, */*;q=0.8",
  // Chromium, Firefox and Safari, and those of the terminal.
  "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
  "text/html, text/*;q=0.5, image/*",
  "TEXT/HTML",
  "text/*",
  "application/json;q=0.5, text/html",
  "application/json;q=0.5, text/html;q=0.501",
  "*/*;q=0.1, text/*;q=0.2",
  "application/json;q=0, */*",
  "application/*;q=0.1, */*",
  "text/html;q=0.2, text/html;q=0.9, application/json;q=0.5",
  "text/html;charset=utf-8;q=0.5",
  "text/html ; q=1.000 , application/json;\tQ=0.999",
  'text/html;a="b,c;q=0"',
  'text/html;a="\\",application/json,"',
  'text/html;a=",application/json,"',
  ",, text/html,",
  "text/html, application/json;q=2",
  `text/html${" ".repeat(1015)}`,
];
for (const accept of HTML) {
  Deno.test(`${accept.trim()} takes the page`, () => assert.ok(prefersHtml(accept)));
}

const JSON: readonly (string | null)[] = [
  null,
  "",
  "*/*",
  "application/json",
  "application/json, text/html",
  "text/html, application/json",
  "application/json, text/plain, */*",
  "text/html;q=0.9, application/json",
  "text/html;q=0.9, */*",
  "text/html;q=0",
  "text/html;q=0, */*;q=0.1",
  "text/html;q=0, text/*",
  "text/html;q=0.000",
  "text/html;q=1.001",
  "text/html;q=0.1234",
  "text/html;q=-1",
  "text/html;q=",
  "text/html;q=high",
  "text/htmlx",
  "xtext/html",
  "text",
  "html",
  "application/xhtml+xml",
  "image/png",
  'image/png;a=",text/html,"',
  'application/json;a="text/html", text/plain;a=",text/html"',
  "text/html text/html",
  `text/html${" ".repeat(1016)}`,
];
for (const accept of JSON) {
  Deno.test(`${accept?.trim() ?? "no header"} takes the JSON`, () => {
    assert.ok(!prefersHtml(accept));
  });
}

for (const piece of ['"', "a,", ";q=", "text/html;q=0.5,", '\\"', ", ;"]) {
  Deno.test(`the longest header of ${piece} takes no time`, () => {
    const accept = piece.repeat(Math.floor(1024 / piece.length));
    const begun = performance.now();
    prefersHtml(accept);
    assert.ok(performance.now() - begun < 200);
  });
}
