/**
 * The client makes, byte for byte, what an independent implementation made (clients §1.4 to §2.2).
 * A CACAO is pinned by its CID and a UCAN by its deterministic signature: both cover every byte.
 */
import assert from "node:assert/strict";
import {
  type Attenuations,
  cidInBase58,
  cidOf,
  sessionKeyFromSeed,
  signCacao,
  signUcan,
  walletFromPrivateKey,
} from "../../../client/mod.ts";
import flow from "./fixtures/client_flow.json" with { type: "json" };

interface CacaoCase {
  readonly name: string;
  readonly wallet: string;
  readonly domain: string;
  readonly uri: string;
  readonly expirationTime?: string;
  readonly grants: object;
  readonly proofs: readonly string[];
  readonly cid: string;
}

interface UcanCase {
  readonly name: string;
  readonly seed: number;
  readonly kid: string;
  readonly audience: string;
  readonly expiration: number;
  readonly nonce: string;
  readonly facts?: readonly unknown[];
  readonly grants: object;
  readonly proofs: readonly string[];
  readonly signature: string;
}

const cacaos: readonly CacaoCase[] = flow.cacaos;
const ucans: readonly UcanCase[] = flow.ucans;

/** The first two accounts of every Ethereum development chain. */
const WALLETS: Readonly<Record<string, string>> = {
  alice: "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
  carol: "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
};

for (const given of cacaos) {
  Deno.test(`the ${given.name} CACAO has the known CID`, async () => {
    const cacao = await makeCacao(given);

    assert.equal(cacao.cid, given.cid);
  });
}

for (const given of ucans) {
  Deno.test(`the ${given.name} UCAN has the known signature`, async () => {
    const ucan = await makeUcan(given);

    assert.equal(ucan.header.split(".")[2], given.signature);
  });
}

Deno.test("a CACAO travels as padded base64url", async () => {
  const [host] = cacaos;
  assert.ok(host);

  assert.equal((await makeCacao(host)).header, flow.hostHeader);
});

Deno.test("the CID of a UCAN is that of its text", async () => {
  const [share] = ucans;
  assert.ok(share);

  const ucan = await makeUcan(share);

  assert.equal(ucan.cid, flow.shareCid);
  assert.equal(ucan.cid, cidOf(new TextEncoder().encode(ucan.header)));
});

Deno.test("a CID is spelt in base58 where a ReCap cites it", () => {
  const session = cacaos.find(({ name }) => name === "session");

  assert.equal(cidInBase58(session?.cid ?? ""), flow.sessionCidBase58);
  assert.equal(cidInBase58(flow.sessionCidBase58), flow.sessionCidBase58);
});

Deno.test("the DID URL of a session key repeats its multibase text", async () => {
  const key = await sessionKeyFromSeed(new Uint8Array(32).fill(7));

  assert.equal(key.didUrl, flow.sessionDidUrl);
  assert.equal(key.did, flow.sessionDidUrl.split("#")[0]);
});

// The delegation of the reference project: tests/vectors/README.md, reference-delegation.
Deno.test("one resource with two namespaces gives the reference project's delegation", async () => {
  const wallet = walletFromPrivateKey(`${"0".repeat(63)}1`);
  const space = "tinycloud:pkh:eip155:1:0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf:default";

  const cacao = await signCacao(wallet, {
    domain: "policy-engine.example",
    uri: "did:key:z6MkqGC3nWZhYieEVTVDKW5v588CiGfsDSmRVG9ZwwWTvLSK",
    nonce: "m1g060001",
    issuedAt: "2026-07-10T11:00:00.000Z",
    expirationTime: "2027-07-10T12:00:00.000Z",
    attenuations: {
      [`${space}/sql/xyz.tinycloud.listen/conversations`]: {
        "tinycloud.sql/read": [{}],
        "tinycloud.kv/get": [{}],
      },
    },
  });

  assert.equal(cacao.cid, "bafkr4iglifjta4fae5ecx5jrmgrxrxhoz5luyu3o4v5b7aofqmfmzgfmay");
});

function makeCacao(given: CacaoCase) {
  const { domain, uri, expirationTime, proofs } = given;
  return signCacao(walletFromPrivateKey(WALLETS[given.wallet] ?? ""), {
    domain,
    uri,
    expirationTime,
    proofs,
    nonce: flow.nonce,
    issuedAt: flow.issuedAt,
    attenuations: attenuations(given.grants),
  });
}

async function makeUcan(given: UcanCase) {
  const key = await sessionKeyFromSeed(new Uint8Array(32).fill(given.seed), given.kid);
  return await signUcan(key, { ...given, attenuations: attenuations(given.grants) });
}

function attenuations(grants: object): Attenuations {
  return Object.fromEntries(
    Object.entries(grants).map(([resource, abilities]: [string, string[]]) => [
      `${flow.space}/${resource}`,
      Object.fromEntries(abilities.map((ability) => [ability, [{}]])),
    ]),
  );
}
