// ReCap (ERC-5573; wire §3.1): the SIWE ReCap project's messages and capability.

import assert from "node:assert/strict";
import { z } from "zod";
import { encodeBase64url } from "../../src/tokens/base64url.ts";
import { findRecap, parseRecap, recapStatement } from "../../src/tokens/recap.ts";
import { isMessage, readMessage } from "./siwe_message.ts";
import { refuses, runAll, utf8, vectorsOf } from "./vectors.ts";

/** How many abilities the message's ReCap grants; undefined when its last resource is none. */
const ABILITIES: Readonly<Record<string, number | undefined>> = {
  siwe_with_caps: 14,
  siwe_with_statement: 1,
  // Its ReCap is followed by other resources, and only the last resource counts (wire §3.1).
  siwe_with_interleaved_resources: undefined,
  siwe_with_no_caps: undefined,
  siwe_with_statement_no_caps: undefined,
};

Deno.test("messages of the ReCap vectors are told by their statements", async () => {
  const messages = await vectorsOf(
    "recap",
    "messages",
    z.object({ name: z.string(), message: z.string() }),
  );

  runAll("recap/messages", 5, messages, ({ name }) => name, ({ name, message }) => {
    assert.ok(isMessage(message));
    const { resources = [], statement } = readMessage(message) ?? {};

    const recap = findRecap(resources);

    assert.equal(recap?.attenuations.length, ABILITIES[name]);
    if (recap === undefined) return;
    const told = recapStatement(recap.attenuations);
    assert.ok(statement?.endsWith(told), `told: ${told}`);
    assert.deepEqual(recap.proofs, []);
  });
});

Deno.test("the empty caveat lists of the interleaved ReCap vector would be refused", async () => {
  // Its publisher reads them as "no caveats"; here a list is never empty (wire §3.1).
  const messages = await vectorsOf(
    "recap",
    "messages",
    z.object({ name: z.string(), message: z.string() }),
  );
  const { message = "" } = messages.find(({ name }) => name.includes("interleaved")) ?? {};
  const recap = readMessage(message)?.resources?.find((uri) => uri.startsWith("urn:recap:"));
  assert.ok(recap);

  assert.ok(refuses(() => parseRecap(recap)));
});

Deno.test("the serialized ReCap of the vectors is read, caveats and proof too", async () => {
  const serialized = await vectorsOf("recap", "serialized", z.string());

  runAll("recap/serialized", 1, serialized, () => "serialized_cap", (json) => {
    const { attenuations, proofs } = parseRecap(`urn:recap:${encodeBase64url(utf8(json))}`);

    assert.deepEqual(attenuations, [
      { resource: "http://example.com/public/photos/", ability: "crud/delete", caveated: false },
      { resource: "mailto:username@example.com", ability: "msg/receive", caveated: true },
      { resource: "mailto:username@example.com", ability: "msg/send", caveated: true },
    ]);
    assert.equal(proofs.length, 1);
    assert.equal(
      recapStatement(attenuations),
      "I further authorize the stated URI to perform the following actions on my behalf:" +
        " (1) 'crud': 'delete' for 'http://example.com/public/photos/'." +
        " (2) 'msg': 'receive', 'send' for 'mailto:username@example.com'.",
    );
  });
});
