// No value breaks out of the page that it is put into.

import assert from "node:assert/strict";
import fc from "fast-check";
import { html, template } from "../../../src/http/page/html.ts";

Deno.test("each character that means something in HTML is escaped, and no other", () => {
  const page = template("{{ it }}");
  assert.equal(
    page({ it: `<b a="1" c='2'>&amp;` }),
    "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;",
  );
  assert.equal(
    page({ it: "plain, é 🐈 \u2028 `$1` {{ it }}" }),
    "plain, é 🐈 \u2028 `$1` {{ it }}",
  );
});

Deno.test("a value is escaped once, however deep its piece lies", () => {
  const page = template("<ul>{{ them }}</ul>");
  const them = ["<1>", "&"].map((each) => html`<li title="${each}">${html`<i>${each}</i>`}</li>`);
  assert.equal(
    page({ them }),
    `<ul><li title="&lt;1&gt;"><i>&lt;1&gt;</i></li><li title="&amp;"><i>&amp;</i></li></ul>`,
  );
});

Deno.test("no text leaves a tag, an attribute or an entity open", () => {
  const page = template(`{{ it }}`);
  fc.assert(fc.property(fc.string({ unit: "binary" }), (it) => {
    const text = page({ it });
    assert.ok(!/[<>"']/.test(text));
    assert.ok(!/&(?!(amp|lt|gt|quot|#39);)/.test(text));
  }));
});

Deno.test("what only looks like HTML is escaped like any text", () => {
  const forged: unknown = { text: "<script>" };
  const page = template("{{ it }}");
  // A caller in TypeScript can't: this is what the JSON of a stranger could be.
  assert.throws(() => page({ it: forged as string }), TypeError);
});

Deno.test("a mark stands in every place, and one without a value is refused", () => {
  const page = template("{{ a }}-{{ b }}-{{ a }}{ b }{{b}}");
  assert.equal(page({ a: "1", b: "2", c: "3" }), "1-2-1{ b }{{b}}");
  assert.throws(() => page({ a: "1" }), /lacks its b/);
  assert.throws(() => template("{{ constructor }}")({}), TypeError);
});
