// RFC 3986: what is a URI, an authority, a scheme, and what is in normal form (wire §1, §3.1).

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  hasDotSegment,
  hasNormalEscapes,
  isAuthority,
  isScheme,
  isUri,
} from "../../../src/tokens/uri.ts";

const URIS: readonly string[] = [
  "a:",
  "a:b",
  "a:/",
  "a:/b//c",
  "a://",
  "a:///b",
  "a://b",
  "a://b/",
  "a+b-c.1:x",
  "A:b",
  "urn:uuid:1",
  "mailto:a@b.c",
  "did:key:z6Mk#z6Mk",
  "ucan:bafkr4i",
  "tinycloud:pkh:eip155:1:0x00:default/kv//",
  "https://u:p@example.org:8443/a/b?c=d/?#e/?",
  "https://example.org:/",
  "https://example.org?x",
  "https://example.org#x",
  "https://[::1]:80/",
  "https://[2001:db8::192.0.2.1]/",
  "https://[v1.a:b]/",
  "https://127.0.0.1/",
  "https://256.256.256.256/", // a registered name
  "https://%C3%A9.org/",
  "a:%00",
  "a:%2f",
  "a:!$&'()*+,;=:@-._~",
  "a:b?",
  "a:b#",
  "a:b?/?:@",
  "a:../b",
];
for (const text of URIS) Deno.test(`${text} is a URI`, () => assert.ok(isUri(text)));

const NO_URIS: readonly string[] = [
  "",
  "a",
  "/a",
  "//a/b",
  ":a",
  "1a:b",
  "+a:b",
  "a_b:c",
  " a:b",
  "a:b ",
  "a:b\n",
  "a:\nb",
  "a:b c",
  "a:%",
  "a:%4",
  "a:%zz",
  "a:%%30",
  'a:"b"',
  "a:<b>",
  "a:b\\c",
  "a:b^c",
  "a:b`c",
  "a:{b}",
  "a:b|c",
  "a:[b]",
  "a:b#c#d",
  "a:b?[c]",
  "a:\u00e9",
  "a:\0",
  "a:\u007f",
  "a://b:c",
  "a://b:80:80",
  "a://b@c@d",
  "a://[]",
  "a://[::1",
  "a://::1/",
  "a://[::1]x/",
  "a://[1::2::3]/",
  "a://[12345::]/",
  "a://[::256.0.0.1]/",
  "a://[v.a]/",
  "a://[::1%25eth0]/",
  "tinycloud://pkh:eip155:1:0x00:default/kv",
];
for (const text of NO_URIS) {
  Deno.test(`${Deno.inspect(text)} is no URI`, () => assert.equal(isUri(text), false));
}

Deno.test("an IPv6 address has eight groups, or at most seven and one `::`", () => {
  const groups = (count: number) => Array.from({ length: count }, () => "2F").join(":");
  for (let before = 0; before <= 9; before++) {
    assert.equal(isUri(`a://[${groups(before)}]`), before === 8, `${before}`);
    assert.equal(isUri(`a://[${groups(before)}:1.2.3.4]`), before === 6, `${before}, IPv4`);
    for (let after = 0; after <= 9; after++) {
      const text = `a://[${groups(before)}::${groups(after)}]`;
      assert.equal(isUri(text), before + after <= 7, text);
      if (after === 0) continue;
      const mixed = `a://[${groups(before)}::${groups(after - 1)}${after > 1 ? ":" : ""}1.2.3.4]`;
      assert.equal(isUri(mixed), before + after <= 6, mixed);
    }
  }
});

const AUTHORITIES: readonly [text: string, is: boolean][] = [
  ["example.org", true],
  ["EXAMPLE.org", true],
  ["example.org:8080", true],
  ["example.org:", true],
  ["localhost", true],
  ["127.0.0.1:1", true],
  ["[::1]", true],
  ["[1:2:3:4:5:6:7:8]:1", true],
  ["user@example.org", true],
  ["us:er@example.org:1", true],
  ["a%20b", true],
  ["a!$&'()*+,;=", true],
  ["", false],
  ["a b", false],
  ["a/b", false],
  ["a?b", false],
  ["a#b", false],
  ["https://a", false],
  ["a:b", false],
  ["a:80\n", false],
  ["a\nb", false],
  ["\u00e9", false],
  ["a@b@c", false],
  ["[::1", false],
  ["[::g]", false],
  ["[1:2:3:4:5:6:7:8:9]", false],
  ["%4", false],
];
for (const [text, is] of AUTHORITIES) {
  Deno.test(`${Deno.inspect(text)} is ${is ? "an" : "no"} authority`, () => {
    assert.equal(isAuthority(text), is);
  });
}

const SCHEMES: readonly [text: string, is: boolean][] = [
  ["https", true],
  ["a", true],
  ["A+b-c.1", true],
  ["", false],
  ["1a", false],
  ["a:", false],
  ["a_b", false],
  ["a b", false],
  ["a\n", false],
  ["\u00e9", false],
];
for (const [text, is] of SCHEMES) {
  Deno.test(`${Deno.inspect(text)} is ${is ? "a" : "no"} scheme`, () => {
    assert.equal(isScheme(text), is);
  });
}

Deno.test("of 65,536 escapes those in upper case, of characters that need one, are normal", () => {
  const UNRESERVED = /^[A-Za-z0-9\-._~]$/;
  const digits = "0123456789ABCDEFabcdef";
  for (const high of digits) {
    for (const low of digits) {
      const pair = high + low;
      const needless = UNRESERVED.test(String.fromCharCode(Number.parseInt(pair, 16)));
      const normal = pair === pair.toUpperCase() && !needless;
      assert.equal(hasNormalEscapes(`a:%2F%${pair}z`), normal, `%${pair}`);
    }
  }
});

Deno.test("text without escapes is normal, letters after an escape are not part of it", () => {
  assert.ok(hasNormalEscapes("a:bcd"));
  assert.ok(hasNormalEscapes("a:%2Fab"));
});

const PATHS: readonly [path: string, dots: boolean][] = [
  ["", false],
  ["a", false],
  ["a/b", false],
  [".", true],
  ["..", true],
  ["./a", true],
  ["../a", true],
  ["a/.", true],
  ["a/..", true],
  ["a/./b", true],
  ["a/../b", true],
  ["a//..", true],
  ["/.", true],
  ["...", false],
  ["a/...", false],
  [".a", false],
  ["a.", false],
  ["a/..b/c", false],
  ["a/b../c", false],
  ["//", false],
];
for (const [path, dots] of PATHS) {
  Deno.test(`"${path}" has ${dots ? "a" : "no"} dot segment`, () => {
    assert.equal(hasDotSegment(path), dots);
  });
}

const unit = (signs: string) => fc.constantFrom(...signs, "%C3", "%2f");
const segment = fc.string({ unit: unit("aZ0-._~!$&'()*+,;=:@"), maxLength: 4 });
const path = fc.array(segment, { maxLength: 4 }).map((parts) =>
  parts.map((part) => `/${part}`).join("")
);
const tail = fc.string({ unit: unit("aZ0-._~!$&'()*+,;=:@/?"), maxLength: 4 });
const host = fc.string({ unit: unit("aZ0-._~!$&'()*+,;="), maxLength: 4 });
const aUri = fc.tuple(host, fc.option(fc.nat(99999)), path, fc.option(tail), fc.option(tail)).map(
  ([host, port, path, query, fragment]) => {
    const authority = `u:p@${host}${port === null ? "" : `:${port}`}`;
    const after = `${query === null ? "" : `?${query}`}${fragment === null ? "" : `#${fragment}`}`;
    return { authority, uri: `a+1://${authority}${path}${after}` };
  },
);

Deno.test("what is put together by the grammar is a URI", () => {
  fc.assert(fc.property(aUri, ({ authority, uri }) => {
    assert.ok(isUri(uri), uri);
    assert.ok(isAuthority(authority), authority);
  }));
});

Deno.test("a character that the grammar has not makes it none, wherever it stands", () => {
  const sign = fc.constantFrom(...' \n\t\\"<>^`{|}\u00e9\0\u007f', "%", "%4", "%zz");
  fc.assert(fc.property(aUri, sign, fc.nat(), ({ uri }, sign, place) => {
    const at = place % (uri.length + 1);
    // A digit that follows would complete an escape.
    fc.pre(!/^%4?$/.test(sign) || !/^[0-9a-f]/i.test(uri.slice(at)));
    assert.equal(isUri(uri.slice(0, at) + sign + uri.slice(at)), false);
  }));
});
