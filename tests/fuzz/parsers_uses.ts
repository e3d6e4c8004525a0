// What an ability reads out of a token: facts of capabilities/read (wire §7), and which delegation a
// revocation is about (wire §8).

import assert from "node:assert/strict";
import { z } from "zod";
import { parseResource, type SpaceResource } from "../../src/capabilities/resource.ts";
import type { Authorized } from "../../src/spaces/authorize.ts";
import { readCapabilities } from "../../src/spaces/capabilities_read.ts";
import { revoke } from "../../src/spaces/revoke.ts";
import { parseCid } from "../../src/tokens/cid.ts";
import { isArray, parseJson } from "../../src/tokens/json.ts";
import { decodeUcan } from "../../src/tokens/ucan.ts";
import { aCacao, aCid, aUcan, SPACE } from "../support/tokens.ts";
import { KNOWN, services } from "./parsers_node.ts";
import { isStrictJson } from "./parsers_reference.ts";
import { filled, type Target, target, whole } from "./parsers_target.ts";

const ALL = parseResource(`${SPACE}/capabilities/all`);
assert.ok(ALL.kind === "space");
const { claims } = decodeUcan(await aUcan({ attenuations: {} }));

const params = (text: string) => `[{"capabilitiesReadParams":${text}}]`;
const FACTS = [
  "[]",
  params('{"type":"list"}'),
  params(
    '{"type":"list","filters":{"direction":"created","path":"a/","actions":["tinycloud.kv/get","tinycloud.kv/del"]}}',
  ),
  params('{"filters":{"actions":[],"direction":"received"},"type":"list"}'),
  params(`{"type":"chain","delegation_cid":"${KNOWN.cid}"}`),
];

const facts = target({
  kind: "facts",
  share: 50,
  layers: [{ ...whole(FACTS), syntax: "json" }],
  shapes: {
    "actions": filled(
      params('{"type":"list","filters":{"actions":["a/b"').slice(0, -2),
      ',"a/b"',
      "]}}}]",
    ),
    "a long path": filled(
      '[{"capabilitiesReadParams":{"type":"list","filters":{"path":"',
      "a/",
      '"}}}]',
    ),
    "a long CID": filled(
      '[{"capabilitiesReadParams":{"type":"chain","delegation_cid":"',
      "z",
      '"}}]',
    ),
    "facts": filled("[", "{},", "{}]"),
  },
  parse: async (text) => {
    const facts = parseJson(text);
    if (!isArray(facts)) return undefined;
    // Authorized by nobody: how the facts read does not depend on it.
    const invocation = {
      claims: { ...claims, facts },
      parents: [],
      records: new Map(),
      guards: { use: { key: "", expiresAt: 0 }, unrevoked: [] },
    } as unknown as Authorized;
    let answer = "";
    const pieces = await readCapabilities(invocation, ALL as SpaceResource, services);
    for await (const piece of pieces) answer += piece;
    return answer;
  },
  reference: areFacts,
  promises(_text, answer) {
    const entries: unknown[] = Object.values(JSON.parse(answer));
    assert.ok(entries.length <= 1, "more than is known");
  },
});

const filters = z.strictObject({
  direction: z.enum(["created", "received", "all"]).optional(),
  path: z.string().optional(),
  actions: z.array(z.string().max(512).regex(/^[\w.+*-]+\/[\w.+*-]+$/)).optional(),
});
const list = z.strictObject({ type: z.literal("list"), filters: filters.optional() });
const chain = z.strictObject({ type: z.literal("chain"), delegation_cid: z.string() });
const form = z.array(z.strictObject({ capabilitiesReadParams: z.union([list, chain]) })).max(1);

/** By a schema; whether a CID is known, and is one, is for others to say. */
function areFacts(text: string): boolean | undefined {
  if (!isStrictJson(text)) return false;
  const { success, data = [] } = form.safeParse(JSON.parse(text));
  if (!success) return false;
  return data[0]?.capabilitiesReadParams.type === "chain" ? undefined : true;
}

const REVOKED = [
  `urn:cid:${aCid("known")}`,
  `${SPACE}/delegation/${aCid("known")}`,
  `ucan:${aCid("known")}`,
];
/** The resource of a UCAN, or, with `ucan:`, the audience of a CACAO. */
const revocation = target({
  kind: "revocation",
  share: 15,
  layers: [whole([...REVOKED, `urn:cid:f01551e20${"00".repeat(32)}`])],
  shapes: {},
  parse: async (text) => {
    const token = text.startsWith("ucan:")
      ? await aCacao({ uri: text })
      : await aUcan({ attenuations: { [text]: { "tinycloud.delegation/revoke": [{}] } } });
    return await revoke(token, () => Promise.resolve(undefined), services);
  },
  promises(text, { cid }) {
    assert.ok(text.endsWith(cid), "not as it was spelled");
    assert.equal(parseCid(cid), KNOWN.cid, "another delegation");
  },
});

export const USES: readonly Target[] = [facts, revocation];
