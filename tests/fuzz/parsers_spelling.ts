// What names and tokens are spelled with: URIs (RFC 3986), CIDs, RFC 3339 times, base64url. One
// thing has one canonical text, and what is taken is what another reading of the grammar takes.

import assert from "node:assert/strict";
import { base32 } from "multiformats/bases/base32";
import { decodeBase64url, encodeBase64url } from "../../src/tokens/base64url.ts";
import { parseCid } from "../../src/tokens/cid.ts";
import { parseTimestamp } from "../../src/tokens/timestamp.ts";
import { isAuthority, isScheme, isUri } from "../../src/tokens/uri.ts";
import { aCid, base58, base64url, KEY, refusalOf, SPACE } from "../support/tokens.ts";
import { bytesOfLatin1 } from "./mutation.ts";
import { isReferenceAuthority, isReferenceUri } from "./parsers_reference.ts";
import { filled, fills, same, type Target, target, whole } from "./parsers_target.ts";

const URIS = [
  ...[`${SPACE}/kv/a%20b?c=d&e#f`, KEY.didUrl, "https://u@[2001:db8::1.2.3.4]:8/a/../b%2e?c#d"],
  ..."mailto:a@b.example urn:a:b a: a:// a:/b a:? a:# http://[v1.a:b]:/ x://1.2.3.4:80".split(" "),
];
const SHA256 = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
const CIDS = [
  ...[aCid("p"), SHA256, respelled(aCid("p"), "z"), respelled(aCid("q"), "f")],
  "Qm".padEnd(46, "W"),
];
const NOTHING = new Uint8Array(198);
const TIMES = [
  ...["2025-06-15T15:06:40Z", "2024-02-29t23:59:59.999z", "1969-12-31T23:59:59.25-23:59"],
  ...["0000-01-01T00:00:00+00:00", "9999-12-31T23:59:59.999999999Z", "2025-06-15T15:06:40.5+02:00"],
];

const uri = target({
  kind: "uri",
  share: 60,
  layers: [whole(URIS)],
  shapes: fills(["a:", "a://", "a://[", "a:?", "a:#", "a://a:", ""]),
  parse: (input) => isUri(input) || undefined,
  reference: isReferenceUri,
});

const AUTHORITIES = [
  ..."u:p%20@h:80 a.example 1.2.3.4 [v1.a:] [::1]: [::ffff:1.2.3.4]:80 [::] [A:B::c]".split(" "),
  ..."[1:2:3:4:5:6:7:8] [1:2:3:4:5:6:7::] [::3:4:5:6:7:8] [1::4:5:6:1.2.3.4]".split(" "),
  // Nearly.
  ..."[1:2:3:4:5:6:7:8::] [1::2::3] [:1] [1:2:3:4:5:6:7:1.2.3.4] [1.2.3.4] [::256.0.0.1]".split(
    " ",
  ),
];
const authority = target({
  kind: "authority",
  share: 40,
  layers: [whole(AUTHORITIES)],
  shapes: fills(["", "[", "[v1.", "a@", "a:"], ["", "]"]),
  parse: (input) => isAuthority(input) || undefined,
  reference: (input) => input !== "" && isReferenceAuthority(input),
});

const scheme = target({
  kind: "scheme",
  share: 10,
  layers: [whole(["https", "a+b.c-1"])],
  parse: (input) => isScheme(input) || undefined,
  reference: (input) => /^[a-z][a-z0-9.+-]*$/i.test(input),
});

const cid = target({
  kind: "cid",
  share: 60,
  layers: [whole(CIDS), {
    samples: [`\x01\x55\x1e\x20${"a".repeat(32)}`, `\x12\x20${"a".repeat(32)}`],
    alphabet: "bytes",
    wrap: (inside) => `f${bytesOfLatin1(inside).toHex()}`,
  }],
  shapes: fills(["z", "b", "k", "f", "Q", "9"], [""]),
  another: (at) => base58(Uint8Array.of(1, 0x55, 0x1e, 0xc8, 1, at >> 8, at, ...NOTHING)),
  parse: parseCid,
  promises(_input, cid) {
    assert.equal(parseCid(cid), cid);
    if (cid.length > 100) return; // base58 by the book is slow
    for (const base of ["z", "f", "F", "u", "B"] as const) {
      assert.equal(parseCid(respelled(cid, base)), cid, `another CID in base ${base}`);
    }
  },
});

const timestamp = target({
  kind: "timestamp",
  share: 50,
  layers: [whole(TIMES)],
  shapes: {
    ...fills(["2025-06-15T15:06:40", "2025-06-15"], ["", "Z"]),
    "a long fraction": filled("2025-06-15T15:06:40.", "1", "Z"),
    "a long fraction before 1970": filled("1925-06-15T15:06:40.", "9", "+00:00"),
    "a long fraction without end": filled("2025-06-15T15:06:40.", "1"),
  },
  parse: parseTimestamp,
  promises(input, seconds) {
    assert.ok(isRealTime(input), "no such day or hour");
    const platform = Date.parse(input.toUpperCase().replace(/(\.\d{3})\d+/, "$1"));
    assert.ok(Math.abs(seconds * 1000 - platform) <= 1.001, `${seconds} s, and ${platform} ms`);
    const canonical = new Date(Math.round(seconds * 1000)).toISOString();
    if (canonical.length > "0000-00-00T00:00:00.000Z".length) return; // years that RFC 3339 has not
    const again = parseTimestamp(canonical);
    assert.ok(
      again !== undefined && Math.abs(again - seconds) < 0.000_51,
      `${again}, not ${seconds}`,
    );
    assert.equal(new Date(Math.round(again * 1000)).toISOString(), canonical);
  },
});

/** The fields by themselves, by the calendar. */
function isRealTime(text: string): boolean {
  const fields = /^(....)-(..)-(..).(..):(..):(..).*?(?:[zZ]|[+-](..):(..))$/.exec(text)?.slice(1);
  if (fields === undefined || !/^[0-9]*$/.test(fields.join(""))) return false;
  const [year = 0, month = 0, day = 0, hour, minute, second, offsetHour = 0, offsetMinute = 0] =
    fields.map((field) => Number(field ?? 0));
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
  const isInDay = (hour ?? 24) < 24 && (minute ?? 60) < 60 && (second ?? 60) < 60;
  return day >= 1 && day <= days && isInDay && offsetHour < 24 && offsetMinute < 60;
}

const base64 = target({
  kind: "base64url",
  share: 50,
  layers: [
    whole(["", "YQ", "YWI", "YWJj", "YQ==", "YWI=", "-_-_", base64url(new Uint8Array(300))]),
  ],
  shapes: fills(["", "A"], ["", "=", "=="]),
  parse: (input) => decodeBase64url(input, "optional"),
  promises(input, bytes) {
    assert.equal(
      encodeBase64url(bytes, { pad: input.endsWith("=") }),
      input,
      "two texts for the same bytes",
    );
    const unpadded = encodeBase64url(bytes);
    same(decodeBase64url(unpadded, "forbidden"), bytes, "padded and not");
    assert.equal(
      refusalOf(() => decodeBase64url(input, "forbidden")) !== undefined,
      input.endsWith("="),
    );
  },
});

export const SPELLINGS: readonly Target[] = [uri, authority, scheme, cid, timestamp, base64];

/** A base32 CID in another base. */
function respelled(cid: string, base: "z" | "f" | "F" | "u" | "B"): string {
  const bytes = base32.decode(cid);
  switch (base) {
    case "z":
      return base58(bytes);
    case "f":
      return `f${bytes.toHex()}`;
    case "F":
      return `F${bytes.toHex().toUpperCase()}`;
    case "u":
      return `u${base64url(bytes)}`;
    case "B":
      return cid.toUpperCase();
  }
}
