// Whole requests, and what else is only read behind a valid token: `Accept`, bodies, the answers of an
// allowlist (wire §4, §8).

import assert from "node:assert/strict";
import { parseSpaceId } from "../../src/capabilities/space_id.ts";
import { NodeError } from "../../src/errors.ts";
import { bodyCid } from "../../src/http/body.ts";
import { allowlist } from "../../src/spaces/admission.ts";
import { aCacao, aCid, aUcan, GET, KEY, NOW, SPACE } from "../support/tokens.ts";
import { bytesOfLatin1 } from "./mutation.ts";
import { answerTo, headersOf, requestOf, services } from "./parsers_node.ts";
import { counted, filled, same, type Target, target, unitsIn, whole } from "./parsers_target.ts";
import { sameBucket, sameTextBucket } from "./parsers_written.ts";

const HEX = "0123456789abcdef".repeat(4);
const ROOT = await aCacao({ attenuations: { [`${SPACE}/kv`]: { [GET]: [{}] } }, uri: KEY.did });
const accept = target({
  kind: "accept",
  share: 20,
  layers: [
    whole(
      ["text/plain", "text/plain;q=0.5, application/json", "*/*", "TEXT/Plain ; a=b,a"],
      "bytes",
    ),
  ],
  shapes: unitsIn([",", ";", ";,", "a,", "text/plain,", " "], ""),
  parse: async (accept) => {
    const headers = headersOf(`authorization: ${ROOT}\naccept: ${accept}`);
    return await (await answerTo(requestOf("POST", "http://node/delegate", headers))).text();
  },
  promises(_accept, text) {
    if (text.startsWith("{")) {
      same(Object.keys(JSON.parse(text)), ["cid", "activated", "skipped"], "");
    } else assert.match(text, /^bafkr4i[a-z2-7]+$/);
  },
});

/** `status body`: what an allowlist answers when it is asked for Alice's space. */
const allowlistAnswer = target({
  kind: "allowlist answer",
  share: 20,
  layers: [
    whole(
      [`200 ${SPACE}`, `200  ${SPACE.toLowerCase()}\r\n`, "404 ", "302 a", "500 ", "204 "],
      "bytes",
    ),
  ],
  shapes: unitsIn(["a", " ", "\xff", ":", "%41"], "200 "),
  parse: async (answer) => {
    const { space = undefined } = parseSpaceId(SPACE) ?? {};
    assert.ok(space);
    const status = /^[2-5]\d\d/.exec(answer)?.[0] ?? "200";
    using _ = answering(Number(status), bytesOfLatin1(answer.slice(4)));
    const { admit } = allowlist({
      url: new URL("http://allowlist/"),
      timeoutMs: 60_000,
      clock: services.clock,
    });
    await admit(space).catch(refusedUnlessUnavailable);
    return "asked";
  },
});

/** 503 is the contract's answer to an allowlist that makes no sense. */
function refusedUnlessUnavailable(error: unknown): void {
  const isVerdict = error instanceof NodeError &&
    ["space_not_admitted", "allowlist_unavailable"].includes(error.code);
  if (!isVerdict) throw error;
}

/** Until disposed of, every fetch is answered so: a socket would cost more than the parser. */
function answering(status: number, body: Uint8Array<ArrayBuffer>): Disposable {
  const { fetch } = globalThis;
  const content = [204, 205, 304].includes(status) ? null : body;
  globalThis.fetch = () => Promise.resolve(new Response(content, { status }));
  return { [Symbol.dispose]: () => void (globalThis.fetch = fetch) };
}

const revokeBody = target({
  kind: "revoke body",
  share: 30,
  layers: [{
    ...whole([
      `{"cid":"${aCid("p")}","spaceId":"${SPACE}"}`,
      '{"cid":{"/":"a"}}',
      "[1]",
      "null",
      '"cid"',
    ], "bytes"),
    syntax: "json",
  }],
  shapes: {
    "lists in lists": filled("", "["),
    "objects in objects": filled("", '{"cid":'),
    "names of one bucket": counted('{"":0', (at) => `,"${sameBucket(at)}":0`, "}"),
    "texts of one bucket": counted("[0", (at) => `,"${sameTextBucket(at)}"`, "]"),
    "empty objects": filled("[", "{},", "0]"),
    "letters": filled("", "a"),
    "bytes": filled("", "\xff"),
  },
  parse: async (text) => {
    const request = requestOf("POST", "", new Headers(), bytesOfLatin1(text));
    return { cid: await bodyCid(request, undefined, 60_000) };
  },
});

/** A whole request: `METHOD path`, headers, an empty line, the body. */
const request = target({
  kind: "request",
  share: 60,
  layers: [whole(await requests(), "bytes"), whole(await requests(), "bytes")],
  parse: async (text) => {
    const [head = "", ...body] = text.split("\n\n");
    const [line = "", ...lines] = head.split("\n");
    const [method = "", path = ""] = line.split(" ");
    const given = bytesOfLatin1(body.join("\n\n"));
    const answer = await answerTo(
      requestOf(method, `http://node${path}`, headersOf(lines.join("\n")), given),
    );
    return `${answer.status} ${await answer.text()}`;
  },
  promises(_text, answer) {
    assert.match(answer, /^200 /, "neither answered nor refused");
  },
});

async function requests(): Promise<readonly string[]> {
  const root = `tinycloud:${KEY.did.slice(4)}:a`;
  const invoke = async (ability: string, resource: string) => {
    const attenuations = { [`${root}/${resource}`]: { [ability]: [{}] } };
    return `POST /invoke\nauthorization: ${await aUcan({
      audience: KEY.did,
      expiration: NOW + 60,
      attenuations,
    })}`;
  };
  return [
    "GET /info\naccept: */*\n\n",
    `GET /peer/generate/${encodeURIComponent(SPACE)}\n\n`,
    `POST /delegate\naccept: text/plain\nauthorization: ${ROOT}\n\n`,
    `POST /delegate\nauthorization: bearer ${await aUcan({
      attenuations: { [`${root}/kv`]: { [GET]: [{}] } },
    })}\n\n`,
    `POST /revoke\nauthorization: ${await aCacao({ uri: `ucan:${aCid("known")}` })}\n\n{"cid":"${
      aCid("known")
    }"}`,
    `${await invoke(
      "tinycloud.kv/put",
      "kv/a",
    )}\ncontent-type: a/b\ncontent-length: 5\nif-none-match: *\n\nhello`,
    `${await invoke("tinycloud.kv/get", "kv/a/b")}\nrange: bytes=0-1\n\n`,
    `${await invoke("tinycloud.kv/metadata", "kv/a")}\n\n`,
    `${await invoke("tinycloud.kv/list", "kv/")}\ntransfer-encoding: chunked\n\n`,
    `${await invoke("tinycloud.kv/delete", "kv/a")}\nif-match: "blake3-${HEX}"\n\n`,
    `${await invoke("tinycloud.capabilities/read", "capabilities/all")}\n\n`,
    `${await invoke("a/b", "c/d?e#f")}\n\n`,
  ];
}

export const REQUESTS: readonly Target[] = [accept, allowlistAnswer, revokeBody, request];
