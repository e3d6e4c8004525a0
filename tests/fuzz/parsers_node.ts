// A node without stores, to put requests and facts to: it hosts every space, knows one delegation,
// has one value under every key, and keeps nothing.

import type { Delegation } from "../../src/capabilities/delegation.ts";
import { gate } from "../../src/http/gate.ts";
import { clientsBehind } from "../../src/http/clients.ts";
import type { RouteContext, Services } from "../../src/http/route.ts";
import { match, pathOf } from "../../src/http/router.ts";
import { deriveHostKeys } from "../../src/keys/host_keys.ts";
import { parseNetwork } from "../../src/config/network.ts";
import { openAdmission } from "../../src/spaces/admission.ts";
import { noMetrics } from "../../src/telemetry/metrics.ts";
import { noSpans } from "../../src/telemetry/spans.ts";
import { principalOf } from "../../src/tokens/did.ts";
import { aCapability, aDelegation, ALICE, KEY, NOW, SPACE } from "../support/tokens.ts";

/** The delegation that the node knows: KEY may revoke it. */
export const KNOWN: Delegation = aDelegation("known", {
  delegator: principalOf(ALICE.did),
  delegatee: principalOf(KEY.did),
  capabilities: [aCapability(`${SPACE}/kv/a`), aCapability(`${SPACE}/kv`, "tinycloud.kv/delete")],
});

const records = new Map([[KNOWN.cid, KNOWN]]);
const entry = { hash: "0".repeat(64), size: 0, headers: [], inline: new Uint8Array() };

const USAGE = { used: 0, held: 0, total: 0, isClosed: false, hosting: 1 };

const repository: Partial<Services["repository"]> = {
  delegations: (cids) =>
    Promise.resolve(new Map([...records].filter(([cid]) => cids.includes(cid)))),
  delegationTokens: (cids) => Promise.resolve(new Map(cids.map((cid) => [cid, "token"]))),
  delegationsIn: () => Promise.resolve({ found: [{ record: KNOWN, token: "token" }] }),
  acceptDelegation: ({ spaces, hosts }) =>
    Promise.resolve({
      kind: "accepted",
      activated: hosts.map(({ space }) => space),
      skipped: spaces,
    }),
  revoke: () => Promise.resolve(),
  hosted: (spaces) => Promise.resolve(new Set(spaces)),
  spaceCount: () => Promise.resolve(0),
  standing: () => Promise.resolve({ used: false, revoked: new Set(), usage: USAGE }),
  admitRead: ({ key }) =>
    Promise.resolve({ kind: "admitted", ...(key === undefined ? {} : { entry }) }),
  releaseRead: () => Promise.resolve(),
  applyInvocation: () => Promise.resolve({ kind: "applied" }),
  find: () => Promise.resolve(undefined),
  list: (_space, prefix) => Promise.resolve([`${prefix}a`]),
};

const staging: Partial<Services["staging"]> = {
  async stage(body) {
    const bytes = body instanceof Uint8Array ? body : await new Response(body).bytes();
    return {
      hash: "0".repeat(64),
      size: bytes.length,
      bytes,
      path: undefined,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  },
};

const silent = () => {};
const clock = { nowSeconds: () => NOW, monotonicMs: () => 0 };
const rules = {
  maxInvocationLifetime: 300,
  maxDelegationLifetime: undefined,
  keyOwners: true,
  spacesPerOwner: 10,
  spaces: 10,
  spaceDelegations: 10,
  delegatorDelegations: 10,
  maxObject: 1024,
  spaceLimit: 4096,
  totalLimit: undefined,
  inlineLimit: 4096,
};

/** The clock stands at NOW. */
export const services: Services = {
  // What is missing is never asked for; if it is, the fuzzer finds a TypeError.
  repository: repository as Services["repository"],
  staging: staging as Services["staging"],
  blocks: {} as Services["blocks"],
  keys: deriveHostKeys(new Uint8Array(32).fill(7)),
  clock,
  admission: openAdmission,
  rules,
  log: { error: silent, warn: silent, info: silent, debug: silent, flush: () => Promise.resolve() },
  metrics: noMetrics,
  version: "0.0.0",
  bodyIdleTimeoutMs: 60_000,
  spaceGate: gate({ rate: 0, concurrency: 0, clock }),
  health: () => Promise.resolve([]),
  spans: noSpans,
};

export const context: Omit<RouteContext, "rest"> = {
  services,
  notes: {},
  trace: "1".repeat(32),
  sent: new Promise(() => {}),
};

/** Who asks, when a proxy in 10.0.0.0/8 does. */
const proxies = [parseNetwork("10.0.0.0/8")].filter((network) => network !== undefined);
export const clientOf = clientsBehind(proxies);

/** The answer of the route that a request goes to. Throws its refusal. */
export function answerTo(request: Request): Promise<Response> {
  const { route, rest } = match(request.method, pathOf(request.url));
  return route(request, { ...context, notes: {}, rest });
}

/** As the runtime hands a request over: an URL as it was sent, headers that it let through. */
export function requestOf(
  method: string,
  url: string,
  headers: Headers,
  body?: Uint8Array<ArrayBuffer>,
): Request {
  const bytes = () => Promise.resolve(body ?? new Uint8Array());
  // `new Request` would repair the URL, and refuse a body with GET.
  return {
    method,
    url,
    headers,
    bytes,
    get body() {
      return body === undefined ? null : new Response(body).body;
    },
  } as Request;
}

/** The runtime answers 400 to more. */
const MAX_HEADERS = 128;
// deno-lint-ignore no-control-regex -- controls but for NUL, CR and LF come through
const FIELD_VALUE = /^[\x01-\x09\x0b\x0c\x0e-\xff]*$/;

/** Lines `name: value`, as the runtime hands them over; those that it does not take are left out. */
export function headersOf(lines: string): Headers {
  const values = new Map<string, string>();
  for (const line of lines.split("\n", MAX_HEADERS)) {
    const colon = line.indexOf(":");
    const [name, value] = [line.slice(0, colon).toLowerCase(), trimmed(line.slice(colon + 1))];
    if (!/^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name) || !FIELD_VALUE.test(value)) continue;
    const before = values.get(name);
    values.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  const sorted = [...values].toSorted(([a], [b]) => a < b ? -1 : 1);
  // A Headers of our own would look at every value, which the runtime does not.
  return {
    get: (name: string) => values.get(name.toLowerCase()) ?? null,
    [Symbol.iterator]: () => sorted[Symbol.iterator](),
  } as unknown as Headers;
}

/** Without spaces and tabs at its ends. A pattern would take time squared. */
function trimmed(value: string): string {
  let [start, end] = [0, value.length];
  while (start < end && " \t".includes(value.charAt(start))) start++;
  while (end > start && " \t".includes(value.charAt(end - 1))) end--;
  return value.slice(start, end);
}
