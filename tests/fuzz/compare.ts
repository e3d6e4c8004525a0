// Whether an answer of the node is the oracle's: status, code, sentence and content.

import assert from "node:assert/strict";
import { blake3 } from "@noble/hashes/blake3.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { Answer as Expected, Content, Entry } from "../oracle/answer.ts";
import type { Answer } from "../support/asking.ts";
import { digestOf, type Sealed, withLowerAddress } from "./sealing.ts";

/** In a few words: `200 keys`, `401 revoked`. */
export function inShort(answer: Expected): string {
  return answer.code === undefined
    ? `200 ${answer.content.kind}`
    : `${answer.status} ${answer.code}`;
}

/** Throws an AssertionError where the two differ. `sent` is the token of the request. */
export function assertSame(answer: Answer, expected: Expected, sent: Sealed, cidSent = ""): void {
  const { status, code, text } = answer;
  const found = { status, code: code ?? undefined };
  assert.deepEqual(
    found,
    { status: expected.status, code: expected.code },
    `the node says ${status} ${code ?? ""} ${JSON.stringify(text.slice(0, 300))}, ` +
      `the oracle ${inShort(expected)} ${JSON.stringify(sentencesOf(expected))}`,
  );
  if (expected.code !== undefined) {
    const sentences = expected.sentences?.map(plain);
    if (sentences !== undefined && !sentences.includes(plain(text))) {
      assert.deepEqual(plain(text), sentences, "another sentence");
    }
    return;
  }
  assertContent(answer, expected.content, sent, cidSent);
}

function sentencesOf(expected: Expected): readonly string[] {
  return expected.code === undefined ? [] : expected.sentences ?? [];
}

/** CIDs as bare hashes, addresses in lower case. */
function plain(text: string): string {
  return withLowerAddress(text).replace(
    /\b(?:baf[a-z2-7]{50,}|z[1-9A-HJ-NP-Za-km-z]{45,})\b/g,
    (cid) =>
      cid.startsWith("z6") || cid.startsWith("zDn") || cid.startsWith("zQ3") ? cid : digestOf(cid),
  );
}

function assertContent(answer: Answer, content: Content, sent: Sealed, cidSent: string): void {
  const { text, headers } = answer;
  switch (content.kind) {
    case "nothing":
      return assert.equal(text, "");
    case "accepted": {
      const { activated, skipped } = content;
      return assert.deepEqual(JSON.parse(text), { cid: sent.cid, activated, skipped });
    }
    case "revoked":
      return assert.equal(text, `{"revoked":true,"cid":"${cidSent}"}`);
    case "stored":
      return assert.deepEqual([text, headers.get("etag")], ["", etag(content.value)]);
    case "value":
      return assert.deepEqual([text, headers.get("etag")], [content.value, etag(content.value)]);
    case "metadata":
      return assert.deepEqual(
        [text, headers.get("etag"), headers.get("x-tinycloud-content-length")],
        ["", etag(content.value), String(utf8ToBytes(content.value).length)],
      );
    case "keys":
      return assert.deepEqual(JSON.parse(text), content.keys);
    case "entries":
      return assert.deepEqual(entriesOf(text), inOrder(content.entries));
  }
}

function etag(value: string): string {
  return `"blake3-${bytesToHex(blake3(utf8ToBytes(value)))}"`;
}

/** wire §7: an object by CID. Its order is not compared: many are accepted in one instant. */
function entriesOf(text: string): readonly Entry[] {
  const object: Record<string, {
    delegator: string;
    delegate: string;
    parents: string[];
    capabilities: { resource: string; ability: string }[];
  }> = JSON.parse(text);
  return inOrder(
    Object.entries(object).map(([cid, { delegator, delegate, parents, capabilities }]) => ({
      cid: digestOf(cid),
      delegator,
      delegatee: delegate,
      capabilities: capabilities.map(({ resource, ability }) => `${resource} ${ability}`),
      parents: parents.map(digestOf),
    })),
  );
}

function inOrder(entries: readonly Entry[]): readonly Entry[] {
  return entries
    .map((entry) => ({ ...entry, capabilities: entry.capabilities.toSorted() }))
    .sort((one, other) => one.cid < other.cid ? -1 : 1);
}
