// Requests to a test node, and what is expected of its answers (wire §6, §9 and §10).

import assert from "node:assert/strict";
import { connect, randomWallet, resourceUri } from "../../client/mod.ts";
import type {
  Invocation,
  Session,
  SignInOptions,
  UcanOverrides,
  Wallet,
} from "../../client/mod.ts";
import { assertDocumented } from "./documented.ts";

/** Whatever listens at a URL. */
export interface At {
  readonly url: string;
}

/** An answer, read to its end. */
export interface Answer {
  readonly status: number;
  /** `x-tinycloud-error`. */
  readonly code: string | null;
  readonly text: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly headers: Headers;
}

/** A request; POST unless it says otherwise. */
export interface Question {
  readonly method?: string;
  readonly token?: string | undefined;
  readonly headers?: HeadersInit | undefined;
  readonly body?: BodyInit | undefined;
  readonly signal?: AbortSignal;
  /** Left out: from 127.0.0.1. */
  readonly from?: Deno.HttpClient | undefined;
}

/** Asks, and reads the whole answer. If it is a node's, it must be as docs/openapi.yaml has it. */
export async function ask(at: At, path: string, question: Question = {}): Promise<Answer> {
  const { method = "POST", token, body, signal, from } = question;
  const headers = new Headers(question.headers);
  if (token !== undefined) headers.set("authorization", token);
  const response = await fetch(`${at.url}${path}`, {
    method,
    headers,
    redirect: "manual",
    ...(body === undefined ? {} : { body }),
    ...(signal === undefined ? {} : { signal }),
    ...(from === undefined ? {} : { client: from }),
  });
  const answer = await answerOf(response);
  // Other servers, and nodes whose tests rename the header, are not compared.
  if (answer.headers.has("tinycloud-trace-id")) {
    assertDocumented({ method, path, token, ...answer });
  }
  return answer;
}

async function answerOf(response: Response): Promise<Answer> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  return {
    status: response.status,
    code: response.headers.get("x-tinycloud-error"),
    text: new TextDecoder().decode(bytes),
    bytes,
    headers: response.headers,
  };
}

/** Asks from another address of this machine, such as `127.0.0.2`; to be closed. */
export function clientAt(localAddress: string): Deno.HttpClient {
  return Deno.createHttpClient({ localAddress });
}

/** A session of a fresh wallet in a space of its own. */
export function signIn(at: At, options?: SignInOptions, wallet = randomWallet()): Promise<Session> {
  return connect(at.url).signIn(wallet, options);
}

/** A wallet and its session. */
export async function owner(
  at: At,
  options?: SignInOptions,
): Promise<{ wallet: Wallet; session: Session }> {
  const wallet = randomWallet();
  return { wallet, session: await signIn(at, options, wallet) };
}

export type Verb = "put" | "get" | "metadata" | "list" | "del";

/** The invocation of one ability on one key; nothing about the key is checked. */
export function kv(of: { readonly space: string }, verb: Verb, key: string): Invocation {
  return { ability: `tinycloud.kv/${verb}`, resource: resourceUri(of.space, "kv", key) };
}

/** Signs and sends an invocation. */
export async function invoke(
  at: At,
  session: Session,
  invocation: Invocation,
  question: Omit<Question, "token"> & { readonly overrides?: UcanOverrides } = {},
): Promise<Answer> {
  const { header } = await session.invocationToken(invocation, question.overrides);
  return await ask(at, "/invoke", { ...question, token: header });
}

/** What a refusal must be: its row of wire §10 and the sentence in full, or its shape. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly sentence: string | RegExp;
}

/** Checks a refusal and what every refusal is: one line of text, traced, readable by browsers. */
export function assertRefused(answer: Answer, refusal: Refusal): void {
  assertTheRefusal(answer, refusal);
  assert.equal(answer.headers.get("content-type"), "text/plain; charset=utf-8");
  assert.ok(!/[\r\n]/.test(answer.text), "one line");
  assert.equal(answer.headers.get("access-control-allow-origin"), "*");
  assert.match(answer.headers.get("tinycloud-trace-id") ?? "", /^[0-9a-f]{32}$/);
}

function assertTheRefusal({ status, code, text }: Answer, { sentence, ...row }: Refusal): void {
  if (typeof sentence === "string") {
    assert.deepEqual({ status, code, sentence: text }, { ...row, sentence });
  } else {
    assert.deepEqual({ status, code }, row, text);
    assert.match(text, sentence);
  }
}

/** Checks an answer of 200 and gives it back. */
export function assertOk(answer: Answer): Answer {
  assert.deepEqual({ status: answer.status, refusal: answer.code }, { status: 200, refusal: null });
  return answer;
}

/** An unsigned byte string of this size that no other size begins with. */
export function bytesOf(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let index = 0; index < size; index++) bytes[index] = index * 31 + (index >> 8) * 7 + seed;
  return bytes;
}
