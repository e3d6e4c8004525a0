// Canonical dag-cbor (wire §3.1): what is read comes back as the same bytes, all else is refused.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { encode } from "@ipld/dag-cbor";
import { base32 } from "multiformats/bases/base32";
import { CID } from "multiformats/cid";
import { create as createDigest } from "multiformats/hashes/digest";
import { z } from "zod";
import { parseCid } from "../../src/tokens/cid.ts";
import { decodeDagCbor } from "../../src/tokens/dag_cbor.ts";
import { Differences, hex, refuses, runAll, toHex, vectorsOf } from "./vectors.ts";

const DAG_CBOR = 0x71;
const SHA2_256 = 0x12;

/** The CID by which the publishers name a block: ours are raw and BLAKE3. */
function blockCid(bytes: Uint8Array): string {
  const digest = createDigest(SHA2_256, createHash("sha256").update(bytes).digest());
  return CID.createV1(DAG_CBOR, digest).toString(base32);
}

function assertRoundTrip(bytes: Uint8Array): void {
  assert.equal(toHex(encode(decodeDagCbor(bytes))), toHex(bytes));
}

Deno.test("dag-cbor blocks of IPLD's fixtures are read and come back as they were", async () => {
  const fixtures = await vectorsOf(
    "ipld-dag-cbor",
    "fixtures",
    z.object({ name: z.string(), cid: z.string(), hex: z.string() }),
  );

  runAll("ipld/dag-cbor", 128, fixtures, ({ name }) => name, ({ cid, hex: block }) => {
    const bytes = hex(block);

    assertRoundTrip(bytes);
    assert.equal(blockCid(bytes), cid);
    // Lookup forgets base and codec, never the multihash.
    assert.deepEqual(CID.parse(parseCid(cid)).multihash, CID.parse(cid).multihash);
  });
});

Deno.test("IPLD's map with a key twice is refused", async () => {
  const negative = await vectorsOf(
    "ipld-dag-cbor",
    "negative",
    z.object({ name: z.string(), hex: z.string() }),
  );

  runAll("ipld/dag-cbor negative", 1, negative, ({ name }) => name, ({ hex: block }) => {
    assert.ok(refuses(() => decodeDagCbor(hex(block))));
  });
});

const DASL_FILES = [
  "cid",
  "concat",
  "floats",
  "indefinite",
  "integer_range",
  "map_keys",
  "numeric_reduction",
  "short_form",
  "simple",
  "tags",
  "utf8",
];

const ANY_CID = "dag-cbor links by any CID; DASL allows few. No field of a CACAO holds one";
const FLOATS = "dag-cbor has floats of 64 bits only, and no NaN";
const NO_BIGNUM = "dag-cbor has no tag but that of a CID";
/** Tagged for other profiles of CBOR than dag-cbor, or stricter here. */
const DASL_DIFFERENCES = new Differences({
  "invalid_in CIDv0": ANY_CID,
  "invalid_in empty CID": ANY_CID,
  "invalid_in short hash digest": ANY_CID,
  "invalid_in long hash digest": ANY_CID,
  "invalid_in CIDv1 that isn't raw or cbor": ANY_CID,
  "invalid_in disallowed hash type (SHA-1)": ANY_CID,
  "roundtrip float reduction": FLOATS,
  "invalid_in float reduction": FLOATS,
  "roundtrip short NaN": FLOATS,
  "roundtrip zero float16": FLOATS,
  "roundtrip zero float64":
    "a whole number is written as an integer; no field of a CACAO is a float",
  "roundtrip smallest unsigned bigint": NO_BIGNUM,
  "roundtrip highest negative bigint": NO_BIGNUM,
  "roundtrip map with equal int and float keys": "the keys of a dag-cbor map are text",
  "invalid_in text not in Unicode Normalization Form C": "dag-cbor leaves text as it is",
});

Deno.test("DASL's CBOR vectors get the published verdicts where they are dag-cbor's", async () => {
  const vector = z.object({
    type: z.enum(["roundtrip", "invalid_in", "invalid_out"]),
    data: z.string(),
    name: z.string(),
  });
  const files = await Promise.all(
    DASL_FILES.map((file) => vectorsOf("dasl-testing", file, vector)),
  );
  const nameOf = ({ type, name }: z.infer<typeof vector>) => `${type} ${name}`;

  runAll("dasl-testing", 105, files.flat(), nameOf, (vector) => {
    const isAccepted = (vector.type === "roundtrip") !== DASL_DIFFERENCES.has(nameOf(vector));

    if (isAccepted) return assertRoundTrip(hex(vector.data));
    // What may not be written (invalid_out) may not be read either.
    assert.ok(refuses(() => decodeDagCbor(hex(vector.data))), "is accepted");
  });

  await DASL_DIFFERENCES.assertExact();
});

Deno.test("atproto's records are read, and say what their JSON says", async () => {
  const records = await vectorsOf(
    "atproto-interop",
    "records",
    z.object({ json: z.json(), cbor: z.string(), cid: z.string() }),
  );

  runAll("atproto/records", 3, records, ({ cid }) => cid, ({ json, cbor, cid }) => {
    const bytes = hex(cbor);

    assertRoundTrip(bytes);
    assert.equal(blockCid(bytes), cid);
    assert.deepEqual(atprotoJson(decodeDagCbor(bytes)), json);
  });
});

/** A decoded record as atproto writes it in JSON. */
function atprotoJson(value: unknown): unknown {
  const link = CID.asCID(value);
  if (link) return { $link: link.toString() };
  if (value instanceof Uint8Array) {
    return { $bytes: value.toBase64({ omitPadding: true }) };
  }
  if (Array.isArray(value)) return value.map(atprotoJson);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, of]) => [key, atprotoJson(of)]));
}
