import assert from "node:assert/strict";
import { bytesOf, signIn } from "../support/asking.ts";
import { startProcess } from "../support/process.ts";
import { answersEarly, EARLY_ANSWERS } from "./early_answers.ts";
import { pieces } from "./large_values.ts";

const SIZE = 64 * 1024 * 1024;

for (const answer of EARLY_ANSWERS) {
  Deno.test(`a client that goes on sending is told early: ${answer.name}`, async () => {
    await answersEarly(answer, SIZE);
  });
}

for (const framing of ["with a length", "in chunks"]) {
  Deno.test(`the client library tells that a value is too large, sent ${framing}`, async () => {
    await using node = await startProcess({ env: { TINYCLOUD_STORAGE_MAX_OBJECT: "256 KiB" } });
    const session = await signIn(node);
    const body = framing === "in chunks" ? pieces(SIZE) : bytesOf(SIZE / 4);

    const put = session.put("large", body);

    await assert.rejects(put, {
      status: 413,
      code: "object_too_large",
      message: "Value exceeds maximum of 262144 bytes",
    });
    assert.deepEqual(await session.list(), []);
  });
}
