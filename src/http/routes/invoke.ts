// POST /invoke (wire §6): one signed use of one capability.

import type { Capability } from "../../capabilities/delegation.ts";
import { canonicalAbility } from "../../capabilities/ability.ts";
import { NodeError } from "../../errors.ts";
import { authorize, type Authorized, onlyCapability, refuse } from "../../spaces/authorize.ts";
import { readCapabilities } from "../../spaces/capabilities_read.ts";
import { del, put } from "../../spaces/change.ts";
import { keptHeaders } from "../../spaces/kept_headers.ts";
import { list } from "../../spaces/list.ts";
import { placeOf } from "../../spaces/place.ts";
import { get, metadata, nothing } from "../../spaces/read.ts";
import { knownAbility } from "../../telemetry/labels.ts";
import { readBody } from "../body.ts";
import { bodyLength, tokenOf } from "../framing.ts";
import { entryHeaders, etag, preconditionOf } from "../object_headers.ts";
import { paced } from "../paced.ts";
import { judging, type Route, type RouteContext } from "../route.ts";

export const invokeRoute: Route = async (request, context) => {
  const { services, notes, sent } = context;
  const length = bodyLength(request);
  const token = tokenOf(request);
  const invocation = await judging("invoke", services, () => authorize(token, services));
  const decided = services.clock.monotonicMs();

  const capability = await prepared(invocation, services, () => onlyCapability(invocation));
  const { resource, ability } = capability;
  if (resource.kind === "space") {
    notes.space = resource.space;
    services.spaceGate.enter(resource.space, sent);
  }
  const action = ACTIONS[canonicalAbility(ability)] ?? unknown;
  const answer = await services.spans.within(
    knownAbility(ability),
    () => action(invocation, capability, request, context, length),
  );
  const seconds = (services.clock.monotonicMs() - decided) / 1000;
  services.metrics.authorizedInvoke(ability, seconds);
  return answer;
};

type Action = (
  invocation: Authorized,
  capability: Capability,
  request: Request,
  context: RouteContext,
  length: number | undefined,
) => Promise<Response>;

/** What each ability does; one that is not here does nothing. */
const ACTIONS: Readonly<Record<string, Action>> = {
  "tinycloud.kv/put": async (invocation, capability, request, context, length) => {
    const { services, notes } = context;
    const { place, headers, precondition } = await prepared(invocation, services, () => ({
      place: placeOf(capability),
      headers: keptHeaders(request.headers),
      precondition: preconditionOf(request.headers),
    }));
    const body = () => readBody(request, length, services.bodyIdleTimeoutMs);
    const { hash, size } = await put(invocation, place, {
      headers,
      body,
      ...(precondition === undefined ? {} : { precondition }),
      ...(length === undefined ? {} : { length }),
    }, services);
    notes.bytesIn = size;
    services.metrics.valueBytes("in", size);
    return new Response(null, { headers: { etag: etag(hash) } });
  },

  "tinycloud.kv/del": async (invocation, capability, request, { services }) => {
    const { place, precondition } = await prepared(invocation, services, () => ({
      place: placeOf(capability),
      precondition: preconditionOf(request.headers),
    }));
    await del(invocation, place, precondition, services);
    return new Response(null);
  },

  "tinycloud.kv/get": async (invocation, capability, _request, { services, trace }) => {
    const place = await prepared(invocation, services, () => placeOf(capability));
    const { entry, body } = await get(invocation, place, services, ({ hash, size }) => {
      services.metrics.damagedRead();
      services.log.error("block.damaged", { space: place.space, block: hash, bytes: size, trace });
    });
    services.metrics.valueBytes("out", entry.size);
    const headers = entryHeaders(entry);
    headers.set("content-length", String(entry.size));
    const answer = body instanceof Uint8Array ? body : paced(body, services.bodyIdleTimeoutMs);
    return new Response(answer as BodyInit, { headers });
  },

  "tinycloud.kv/metadata": async (invocation, capability, _request, { services }) => {
    const place = await prepared(invocation, services, () => placeOf(capability));
    const entry = await metadata(invocation, place, services);
    const headers = entryHeaders(entry);
    headers.set("content-length", "0");
    headers.set("x-tinycloud-content-length", String(entry.size));
    return new Response(null, { headers });
  },

  "tinycloud.kv/list": async (invocation, capability, _request, { services }) => {
    const prefix = await prepared(invocation, services, () => placeOf(capability));
    const pages = await list(invocation, capability, prefix, services);
    return json(listPieces(pages), services.bodyIdleTimeoutMs);
  },

  "tinycloud.capabilities/read": async (invocation, capability, _request, { services }) => {
    const resource = await prepared(invocation, services, () => allCapabilities(capability));
    const pieces = await readCapabilities(invocation, resource, services);
    return json(pieces, services.bodyIdleTimeoutMs);
  },
};

const unknown: Action = async (invocation, capability, _request, { services }) => {
  await nothing(invocation, capability, services);
  return new Response(null);
};

/** Reads the request's own form; a refusal yields to those that come first in the order of wire §6. */
async function prepared<T>(
  invocation: Authorized,
  services: RouteContext["services"],
  prepare: () => T,
): Promise<T> {
  try {
    return prepare();
  } catch (error) {
    if (error instanceof NodeError) await refuse(invocation, error, services);
    throw error;
  }
}

function allCapabilities({ resource }: Capability) {
  const isAll = resource.kind === "space" && resource.service === "capabilities" &&
    resource.path === "all";
  if (!isAll) throw new NodeError("inputs_invalid");
  return resource;
}

async function* listPieces(pages: AsyncIterable<readonly string[]>): AsyncGenerator<string> {
  let separator = "[";
  for await (const page of pages) {
    yield separator + JSON.stringify(page).slice(1, -1);
    separator = ",";
  }
  yield separator === "[" ? "[]" : "]";
}

/** A JSON answer up to this length is sent whole, which costs a fifth of a stream. */
const WHOLE = 64 * 1024;

/** A JSON answer; a long one is sent as it is made, no faster than it is read. */
async function json(pieces: AsyncIterable<string>, idleTimeoutMs: number): Promise<Response> {
  const headers = { "content-type": "application/json" };
  const iterator = pieces[Symbol.asyncIterator]();
  let text = "";
  while (text.length < WHOLE) {
    const { done, value } = await iterator.next();
    if (done) return new Response(text, { headers });
    text += value;
  }
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encoder.encode(text)),
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    cancel: async () => void await iterator.return?.(),
  });
  return new Response(paced(body, idleTimeoutMs), { headers });
}
