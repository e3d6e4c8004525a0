// The operator's allowlist (wire §4, admission; configuration.md, `spaces.allowlist`): a service is
// asked once for each space that would be hosted here for the first time.

import { blake2b } from "@noble/hashes/blake2.js";
import { base58btc } from "multiformats/bases/base58";
import { CID } from "multiformats/cid";
import { create as createDigest } from "multiformats/hashes/digest";
import { parseSpaceId, type SpaceId } from "../capabilities/space_id.ts";
import { NodeError } from "../errors.ts";
import { MAX_ALLOWLIST_ANSWER } from "../limits.ts";
import type { Clock } from "../telemetry/clock.ts";
import { encodeUtf8 } from "../tokens/text.ts";

const RAW = 0x55;
const BLAKE2B_256 = 0xb220;
const MAX_QUESTIONS = 8;
const REFUSAL_MEMORY_MS = 60_000;
const MAX_REMEMBERED = 10_000;

export interface Admission {
  /** Resolves when the space may be hosted. Throws `space_not_admitted` or `allowlist_unavailable`. */
  admit(space: SpaceId): Promise<void>;
}

/** Without an allowlist every space is admitted. */
export const openAdmission: Admission = { admit: () => Promise.resolve() };

/** CIDv1, raw, blake2b-256 of the id, base58btc (wire §2). */
export function spaceCid(space: SpaceId): string {
  const digest = createDigest(BLAKE2B_256, blake2b(encodeUtf8(space), { dkLen: 32 }));
  return CID.createV1(RAW, digest).toString(base58btc);
}

export function allowlist(
  { url, timeoutMs, clock }: { url: URL; timeoutMs: number; clock: Clock },
): Admission {
  const refusedAt = new Map<SpaceId, number>();
  let asking = 0;
  return {
    async admit(space) {
      const refused = refusedAt.get(space);
      if (refused !== undefined && clock.monotonicMs() - refused < REFUSAL_MEMORY_MS) {
        throw new NodeError("space_not_admitted");
      }
      if (asking >= MAX_QUESTIONS) throw new NodeError("allowlist_unavailable");
      asking++;
      try {
        if (await ask(url, space, timeoutMs)) return;
      } finally {
        asking--;
      }
      if (refusedAt.size >= MAX_REMEMBERED) refusedAt.clear();
      refusedAt.set(space, clock.monotonicMs());
      throw new NodeError("space_not_admitted");
    },
  };
}

async function ask(url: URL, space: SpaceId, timeoutMs: number): Promise<boolean> {
  const target = new URL(url);
  target.pathname = `${target.pathname.replace(/\/$/, "")}/${spaceCid(space)}`;
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    // Following a redirect would let the service send the node anywhere.
    const answer = await fetch(target, { redirect: "manual", signal });
    if (answer.status === 403 || answer.status === 404) {
      await answer.body?.cancel();
      return false;
    }
    if (!answer.ok) {
      await answer.body?.cancel();
      throw new Error(`the allowlist answered ${answer.status}`);
    }
    const body = await readUpTo(answer, MAX_ALLOWLIST_ANSWER);
    return body !== undefined && parseSpaceId(body.trim())?.space === space;
  } catch (cause) {
    throw new NodeError("allowlist_unavailable", undefined, { cause });
  }
}

/** The body as text; undefined when it is longer, or no UTF-8: then it is no space id either. */
async function readUpTo(answer: Response, maxBytes: number): Promise<string | undefined> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let size = 0;
  let text = "";
  for await (const chunk of answer.body ?? []) {
    size += chunk.length;
    if (size > maxBytes) return undefined;
    try {
      text += decoder.decode(chunk, { stream: true });
    } catch {
      return undefined;
    }
  }
  return text;
}
