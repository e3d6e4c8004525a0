// Packs the figures of the published test vectors into one file a set, one vector a line: inputs
// and expected verdicts only. Sources, licences and our verdicts are in README.md beside this file.
//
//   deno run --allow-read --allow-write tests/vectors/pack.ts <source folder>

import { Buffer } from "node:buffer";
import { base58btc } from "multiformats/bases/base58";
import { z } from "zod";

const source = Deno.args[0];
if (source === undefined) throw new Error("Name the folder that holds the vectors as published");

type Parts = Record<string, readonly unknown[]>;

/** Writes `{"part":[vector, …], …}`, one vector a line. */
async function write(set: string, parts: Parts): Promise<void> {
  const text = Object.entries(parts).map(([part, vectors]) =>
    `${JSON.stringify(part)}:[\n${vectors.map((vector) => JSON.stringify(vector)).join(",\n")}\n]`
  ).join(",\n");
  await Deno.writeTextFile(new URL(`${set}.json`, import.meta.url), `{\n${text}\n}\n`);
}

const text = (path: string): Promise<string> => Deno.readTextFile(`${source}/${path}`);

/** Reads a JSON file; what the schema does not name is dropped. */
async function read<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  return schema.parse(JSON.parse(await text(path)));
}

/** The entries of an object as vectors with a name. */
function named<T extends object>(entries: Record<string, T>): object[] {
  return Object.entries(entries).map(([name, vector]) => ({ name, ...vector }));
}

const fromBase64 = (base64: string): string => Buffer.from(base64, "base64").toString("hex");
const fromBase58 = (base58: string): string =>
  Buffer.from(base58btc.decode(`z${base58}`)).toString("hex");

/** A point as compressed hex: 02 or 03 for the sign of y, then x. */
function compressed(x: string, y: string): string {
  return (Number.parseInt(y.slice(-1), 16) % 2 === 0 ? "02" : "03") + x;
}

// Wycheproof

async function wycheproofSignatures(set: string, file: string): Promise<void> {
  const { testGroups } = await read(
    `wycheproof/${file}`,
    z.object({
      testGroups: z.array(z.object({
        publicKey: z.object({ pk: z.string().optional(), uncompressed: z.string().optional() }),
        tests: z.array(z.object({
          tcId: z.number(),
          comment: z.string(),
          msg: z.string(),
          sig: z.string(),
          result: z.enum(["valid", "invalid"]),
        })),
      })),
    }),
  );
  const cases = testGroups.flatMap(({ publicKey: { pk, uncompressed = "" }, tests }) => {
    const key = pk ?? compressed(uncompressed.slice(2, 66), uncompressed.slice(66));
    return tests.map(({ tcId, comment, msg, sig, result }) => ({
      name: `${tcId} ${comment}`.trim(),
      key,
      msg,
      sig,
      valid: result === "valid",
    }));
  });
  await write(set, { cases });
}

const jwk = z.object({
  kty: z.string(),
  crv: z.string().optional(),
  x: z.string().optional(),
  y: z.string().optional(),
  k: z.string().optional(),
});

async function wycheproofJws(set: string, file: string): Promise<void> {
  const keys = z.union([jwk, z.object({ keys: z.array(jwk) }).transform(() => null)]);
  const { testGroups } = await read(
    `wycheproof/${file}`,
    z.object({
      testGroups: z.array(z.object({
        comment: z.string(),
        private: keys,
        public: keys.optional(),
        tests: z.array(z.object({
          tcId: z.number(),
          comment: z.string(),
          jws: z.string(),
          result: z.enum(["valid", "invalid"]),
        })),
      })),
    }),
  );
  const cases = testGroups.flatMap((group) => {
    const { kty, crv, x, y, k } = group.public ?? group.private ?? { kty: "set" };
    // Only what a signature of ours or the check of a MAC needs: no RSA figure is kept.
    const key = kty === "oct" ? { k } : crv === "P-256" ? { x, y } : {};
    return group.tests.map(({ tcId, comment, jws, result }) => ({
      name: `${tcId} ${group.comment} ${comment}`,
      ...key,
      jws,
      valid: result === "valid",
    }));
  });
  await write(set, { cases });
}

await wycheproofSignatures("wycheproof-ed25519", "ed25519_test.json");
await wycheproofSignatures(
  "wycheproof-secp256k1-p1363",
  "ecdsa_secp256k1_sha256_p1363_test.json",
);
await wycheproofSignatures(
  "wycheproof-secp256k1-bitcoin",
  "ecdsa_secp256k1_sha256_bitcoin_test.json",
);
await wycheproofSignatures("wycheproof-p256-p1363", "ecdsa_secp256r1_sha256_p1363_test.json");
await wycheproofJws("wycheproof-jws", "json_web_signature_test.json");
await wycheproofJws("wycheproof-jwk", "json_web_key_test.json");

// Ed25519 at the edges

await write("cctv-ed25519", {
  cases: await read(
    "cctv-ed25519/ed25519vectors.json",
    z.array(z.object({
      number: z.number(),
      key: z.string(),
      sig: z.string(),
      msg: z.string(),
      flags: z.array(z.string()).nullable().transform((flags) => flags ?? []),
    })),
  ),
});

await write("ed25519-speccheck", {
  cases: await read(
    "ed25519-speccheck/cases.json",
    z.array(z.object({ message: z.string(), pub_key: z.string(), signature: z.string() })),
  ),
});

// Hashes

const blake3 = await read(
  "blake3/test_vectors.json",
  z.object({ cases: z.array(z.object({ input_len: z.number(), hash: z.string() })) }),
);
await write("blake3", {
  cases: blake3.cases.map(({ input_len, hash }) => ({
    length: input_len,
    hash: hash.slice(0, 64),
  })),
});

// CBOR

await write("ipld-dag-cbor", {
  fixtures: (await read(
    "ipld-codec-fixtures/dag-cbor.json",
    z.object({
      fixtures: z.array(z.object({ name: z.string(), cid: z.string(), hex: z.string() })),
    }),
  )).fixtures,
  negative: await read(
    "ipld-codec-fixtures/negative/duplicate-keys.json",
    z.array(z.object({ name: z.string(), hex: z.string() })),
  ),
});

const dasl = z.array(z.object({
  type: z.string(),
  data: z.string(),
  name: z.string(),
}));
const daslFiles = Array.from(Deno.readDirSync(`${source}/dasl-testing`), ({ name }) => name)
  .filter((name) => name.endsWith(".json")).sort();
await write(
  "dasl-testing",
  Object.fromEntries(
    await Promise.all(daslFiles.map(async (file) => [
      file.replace(".json", ""),
      await read(`dasl-testing/${file}`, dasl),
    ])),
  ),
);

// atproto

async function lines(path: string): Promise<string[]> {
  // White space at the ends is the point of some lines.
  return (await text(path)).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

const fixtures = await read(
  "atproto-interop/data-model/data-model-fixtures.json",
  z.array(z.object({ json: z.json(), cbor_base64: z.string(), cid: z.string() })),
);
const dataModel = (file: string) => text(`atproto-interop/data-model/data-model-${file}.json`);
await write("atproto-interop", {
  signatures: (await read(
    "atproto-interop/crypto/signature-fixtures.json",
    z.array(z.object({
      comment: z.string(),
      messageBase64: z.string(),
      algorithm: z.string(),
      publicKeyDid: z.string(),
      signatureBase64: z.string(),
      validSignature: z.boolean(),
      tags: z.array(z.string()),
    })),
  )).map((vector) => ({
    name: vector.comment,
    alg: vector.algorithm,
    did: vector.publicKeyDid,
    msg: fromBase64(vector.messageBase64),
    sig: fromBase64(vector.signatureBase64),
    valid: vector.validSignature,
    tags: vector.tags,
  })),
  didKeys: [
    ...(await read(
      "atproto-interop/crypto/w3c_didkey_K256.json",
      z.array(z.object({ privateKeyBytesHex: z.string(), publicDidKey: z.string() })),
    )).map((key) => ({
      did: key.publicDidKey,
      curve: "secp256k1",
      secret: key.privateKeyBytesHex,
    })),
    ...(await read(
      "atproto-interop/crypto/w3c_didkey_P256.json",
      z.array(z.object({ privateKeyBytesBase58: z.string(), publicDidKey: z.string() })),
    )).map((key) => ({
      did: key.publicDidKey,
      curve: "P-256",
      secret: fromBase58(key.privateKeyBytesBase58),
    })),
  ],
  didValid: await lines("atproto-interop/syntax/did_syntax_valid.txt"),
  didInvalid: await lines("atproto-interop/syntax/did_syntax_invalid.txt"),
  cidValid: await lines("atproto-interop/syntax/cid_syntax_valid.txt"),
  cidInvalid: await lines("atproto-interop/syntax/cid_syntax_invalid.txt"),
  timeValid: await lines("atproto-interop/syntax/datetime_syntax_valid.txt"),
  timeInvalid: await lines("atproto-interop/syntax/datetime_syntax_invalid.txt"),
  timeParseInvalid: await lines("atproto-interop/syntax/datetime_parse_invalid.txt"),
  records: fixtures.map(({ json, cbor_base64, cid }) => ({
    json,
    cbor: fromBase64(cbor_base64),
    cid,
  })),
  // As text: reading it as JSON and writing it again would lose "123.0".
  jsonValid: [await dataModel("valid")],
  jsonInvalid: [await dataModel("invalid")],
});

// Names

const didKey = z.object({
  publicKeyBase58: z.string().optional(),
  publicKeyJwk: z.object({ kty: z.string(), x: z.string(), y: z.string().optional() }).optional(),
});
const didKeys = z.record(
  z.string(),
  z.object({
    verificationKeyPair: didKey.optional(),
    verificationMethod: didKey.optional(),
    keyAgreementKeyPair: z.object({ id: z.string() }).optional(),
  }),
);
const didKeyFiles = await Promise.all(
  ["ed25519-x25519", "secp256k1", "nist-curves"].map((file) =>
    read(`did-key/${file}.json`, didKeys)
  ),
);
const didKeyEntries = didKeyFiles.flatMap((file) => Object.entries(file));
await write("did-key", {
  keys: didKeyEntries.map(([did, entry]) => {
    const { publicKeyBase58, publicKeyJwk } = entry.verificationKeyPair ??
      entry.verificationMethod ?? {};
    if (publicKeyBase58 !== undefined) return { did, key: fromBase58(publicKeyBase58) };
    const { x = "", y } = publicKeyJwk ?? {};
    return { did, key: y ? compressed(fromBase64(x), fromBase64(y)) : fromBase64(x) };
  }),
  // X25519: a key that agrees, never one that signs.
  keyAgreement: didKeyEntries.flatMap(([, { keyAgreementKeyPair }]) =>
    keyAgreementKeyPair ? [`did:key:${keyAgreementKeyPair.id.split("#")[1]}`] : []
  ),
});

await write("eip55", {
  addresses: (await read("eip55/addresses.json", z.object({ checksummed: z.array(z.string()) })))
    .checksummed,
});

// UCAN

const ucan = (file: string) =>
  read(
    `ucan-conformance-0.10.0/${file}.json`,
    z.array(z.object({
      name: z.string(),
      inputs: z.object({
        token: z.string(),
        proofs: z.record(z.string(), z.string()),
      }),
      errors: z.array(z.string()).optional(),
    })),
  );
await write("ucan-conformance-0.10.0", {
  verify: (await ucan("verify")).map(({ name, inputs }) => ({ name, ...inputs })),
  refute: (await ucan("refute")).map(({ name, inputs, errors }) => ({ name, ...inputs, errors })),
  build: (await read(
    "ucan-conformance-0.10.0/build.json",
    z.array(z.object({
      name: z.string(),
      inputs: z.object({ issuer_base64_key: z.string() }),
      outputs: z.object({ token: z.string() }),
    })),
  )).map(({ name, inputs, outputs }) => ({
    name,
    seed: fromBase64(inputs.issuer_base64_key).slice(0, 64),
    token: outputs.token,
  })),
  cid: (await read(
    "ucan-conformance-0.10.0/cid.json",
    z.array(z.object({
      name: z.string(),
      inputs: z.object({ token: z.string(), hasher: z.string() }),
      outputs: z.object({ cid: z.string() }),
    })),
  )).map(({ name, inputs, outputs }) => ({ name, ...inputs, ...outputs })),
});

// JSON

await write("json-test-suite", {
  cases: (await read(
    "json-test-suite/cases.json",
    z.object({
      cases: z.array(z.object({ file: z.string(), expect: z.string(), hex: z.string() })),
    }),
  )).cases.map(({ file, ...rest }) => ({
    name: file.replace(/^test_(parsing|transform)\//, "").replace(/\.json$/, ""),
    ...rest,
  })),
});

await write("jcs", {
  cases: await Promise.all(
    ["arrays", "french", "structures", "unicode", "values", "weird"].map(async (name) => ({
      name,
      input: await text(`jcs/input/${name}.json`),
      output: await text(`jcs/output/${name}.json`),
    })),
  ),
});

// Sign-In with Ethereum

const anything = z.record(z.string(), z.record(z.string(), z.json()));
const messages = z.record(z.string(), z.string());
async function siwe<T>(file: string, schema: z.ZodType<T>): Promise<T> {
  return await read(`siwe/${file}.json`, schema);
}
const siweMessages = async (file: string) =>
  Object.entries(await siwe(file, messages)).map(([name, message]) => ({ name, message }));
const siweEntries = async (file: string) =>
  Object.entries(await siwe(file, z.record(z.string(), z.object({ msg: z.string() })))).map(
    ([name, { msg }]) => ({ name, message: msg }),
  );
await write("siwe", {
  parsingPositive: named(await siwe("parsing_positive", anything)),
  parsingNegative: await siweMessages("parsing_negative"),
  parsingNegativeObjects: Object.entries(await siwe("parsing_negative_objects", anything)).map(
    ([name, fields]) => ({ name, fields }),
  ),
  messageObjects: Object.entries(
    await siwe(
      "message_objects",
      z.record(
        z.string(),
        z.object({
          msg: z.record(z.string(), z.json()),
          error: z.string(),
        }),
      ),
    ),
  ).map(([name, { msg, error }]) => ({ name, fields: msg, error })),
  verificationPositive: Object.entries(await siwe("verification_positive", anything)).map(
    ([name, fields]) => ({ name, fields }),
  ),
  verificationNegative: Object.entries(await siwe("verification_negative", anything)).map(
    ([name, fields]) => ({ name, fields }),
  ),
  eip1271: named(await siwe("eip1271", anything)),
  validUris: await siweEntries("valid_uris"),
  validResources: await siweEntries("valid_resources"),
  validSpecification: await siweEntries("valid_specification"),
  invalidUris: await siweMessages("invalid_uris"),
  invalidResources: await siweMessages("invalid_resources"),
  validChars: named(await siwe("valid_chars", anything)),
  invalidChars: named(await siwe("invalid_chars", anything)),
});

await write("recap", {
  messages: await Promise.all(
    [
      "siwe_with_caps",
      "siwe_with_interleaved_resources",
      "siwe_with_no_caps",
      "siwe_with_statement",
      "siwe_with_statement_no_caps",
    ].map(async (name) => ({ name, message: (await text(`recap/${name}.txt`)).trimEnd() })),
  ),
  serialized: [(await text("recap/serialized_cap.json")).trimEnd()],
});

// The protocol's own

const reference = await read(
  "reference-delegation.json",
  z.object({
    fixedInstantEpochSeconds: z.number(),
    parentFormatVector: z.object({
      issuer: z.string(),
      audience: z.string(),
      siweMessage: z.string(),
      signatureHex: z.string(),
      recapJcsUtf8Hex: z.string(),
      recapResource: z.string(),
      dagCborBase64Url: z.string(),
      dagCborHex: z.string(),
      expectedCid: z.string(),
      expectedCidBytesHex: z.string(),
    }),
    cases: z.array(z.object({
      case: z.string(),
      ucan: z.object({
        encoded: z.string(),
        header: z.json(),
        payload: z.json(),
        signerDid: z.string(),
        signingInputAscii: z.string(),
        signatureHex: z.string(),
        delegationId: z.string(),
        delegationIdBytesHex: z.string(),
      }).optional(),
      portableDelegation: z.object({ encoded: z.string(), delegationId: z.string() }).optional(),
      issuanceRecord: z.object({ encoded: z.string(), delegationId: z.string() }).optional(),
    })),
  }),
);
await write("reference-delegation", {
  now: [reference.fixedInstantEpochSeconds],
  parents: [reference.parentFormatVector],
  cases: reference.cases,
});

const delegation = z.object({
  siwe: z.string().optional(),
  signature: z.string().optional(),
  authorization: z.string(),
  cid: z.string(),
});
const flow = await read(
  "client-flow.json",
  z.object({
    alice: z.object({ wallet: z.string(), space: z.string() }),
    carol: z.object({ wallet: z.string() }),
    sessionJwk: z.object({ x: z.string(), d: z.string() }),
    sessionDidUrl: z.string(),
    host: delegation,
    session: delegation.extend({ cidBase58: z.string() }),
    legacyWebSession: delegation,
    aliceToCarolPkh: delegation,
    carolSession: delegation,
    share: delegation.extend({ jwk: z.object({ x: z.string(), d: z.string() }) }),
    invocations: z.record(z.string(), z.string()),
  }),
);
const { alice, carol, sessionJwk, sessionDidUrl, invocations, ...delegations } = flow;
await write("client-flow", {
  parties: [{ alice, carol, sessionJwk, sessionDidUrl }],
  delegations: named(delegations),
  invocations: Object.entries(invocations).map(([name, token]) => ({ name, token })),
});

// Licences that must travel with the figures: equal texts once, CC0 not at all.

const licences = new Map<string, string[]>();
for (
  const path of [
    "cctv-ed25519/LICENSE",
    "dasl-testing/LICENSE",
    "did-key/LICENSE.md",
    "ipld-codec-fixtures/LICENSE-MIT",
    "jcs/LICENSE",
    "json-test-suite/LICENSE",
    "wycheproof/LICENSE",
    "ed25519-speccheck/LICENSE",
    "ucan-conformance-0.10.0/LICENSE",
  ]
) {
  const licence = (await text(path)).trim();
  // Copies of Apache-2.0 differ in white space only.
  const same = [...licences.keys()].find((known) =>
    known.replace(/\s+/g, "") === licence.replace(/\s+/g, "")
  );
  licences.set(same ?? licence, [...licences.get(same ?? licence) ?? [], path.split("/")[0] ?? ""]);
}
await Deno.writeTextFile(
  new URL("LICENSES.txt", import.meta.url),
  [...licences].map(([licence, sets]) => `${sets.join(", ")}\n\n${licence}\n`).join(
    `\n${"-".repeat(80)}\n\n`,
  ),
);
