// Who is limited as one client (configuration.md, `limits.client_rate` and `http.trusted_proxies`).

import assert from "node:assert/strict";
import { type Network, parseNetwork } from "../../../src/config/network.ts";
import { clientsBehind } from "../../../src/http/clients.ts";

const PROXIES = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"].map((text): Network => {
  const network = parseNetwork(text);
  assert.ok(network);
  return network;
});

const DIRECT: readonly [peer: string, client: string | undefined][] = [
  ["127.0.0.1", undefined],
  ["::1", undefined],
  ["::ffff:127.0.0.1", undefined],
  ["127.0.0.2", "127.0.0.2"],
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["2001:db8:1:2:3:4:5:6", "20010db800010002/64"],
  ["2001:db8:1:2::1", "20010db800010002/64"],
  ["2001:db8:1:3::1", "20010db800010003/64"],
  ["fe80::1%eth0", "fe80000000000000/64"],
];

for (const [peer, client] of DIRECT) {
  Deno.test(`without trusted proxies, ${peer} is ${client ?? "not limited"}`, () => {
    const clientOf = clientsBehind([]);

    assert.equal(clientOf(peer, new Headers()), client);
    // Whatever it says of itself.
    const claims = { "x-forwarded-for": "198.51.100.7", forwarded: "for=198.51.100.7" };
    assert.equal(clientOf(peer, new Headers(claims)), client);
  });
}

const BEHIND: readonly [
  what: string,
  headers: Record<string, string>,
  client: string | undefined,
][] = [
  ["nothing", {}, undefined],
  ["one address", { "x-forwarded-for": "192.0.2.1" }, "192.0.2.1"],
  ["what the client claimed, and then its address", {
    "x-forwarded-for": "198.51.100.7, 192.0.2.1",
  }, "192.0.2.1"],
  [
    "another proxy of ours",
    { "x-forwarded-for": "198.51.100.7, 192.0.2.1, 10.1.2.3" },
    "192.0.2.1",
  ],
  ["only proxies of ours", { "x-forwarded-for": "10.9.9.9, 10.1.2.3" }, "10.9.9.9"],
  ["this machine", { "x-forwarded-for": "127.0.0.1" }, "127.0.0.1"],
  ["an address with port", { "x-forwarded-for": "192.0.2.1:4711" }, "192.0.2.1"],
  ["an IPv6 address with port", { "x-forwarded-for": "[2001:db8::1]:80" }, "20010db800000000/64"],
  ["Forwarded", { forwarded: 'for=198.51.100.7, For="192.0.2.1:80";proto=https' }, "192.0.2.1"],
  ["Forwarded with IPv6", { forwarded: 'by=x; for="[2001:db8::1]:4711"' }, "20010db800000000/64"],
  ["a hidden client", { forwarded: "for=_secret" }, "unknown"],
  ["an element without for", { forwarded: "for=192.0.2.1, proto=https" }, "unknown"],
  ["nonsense", { "x-forwarded-for": "192.0.2.1, 0x7f.1" }, "unknown"],
  ["octal", { "x-forwarded-for": "010.0.0.1" }, "unknown"],
  ["an empty hop", { "x-forwarded-for": "192.0.2.1," }, "unknown"],
  ["a very long hop", { "x-forwarded-for": "1".repeat(10_000) }, "unknown"],
  ["both headers, which agree", {
    "x-forwarded-for": "192.0.2.1",
    forwarded: "for=192.0.2.1",
  }, "192.0.2.1"],
  // One of them is the client's own: the proxy passes on what it does not write.
  ["both headers, which do not agree", {
    "x-forwarded-for": "192.0.2.1",
    forwarded: "for=198.51.100.7",
  }, "unknown"],
];

for (const [what, headers, client] of BEHIND) {
  Deno.test(`a trusted proxy that tells ${what}: ${client ?? "not limited"}`, () => {
    assert.equal(clientsBehind(PROXIES)("127.0.0.1", new Headers(headers)), client);
  });
}

Deno.test("of a thousand hops only the last few are looked at", () => {
  const hops = Array.from({ length: 1000 }, () => "10.0.0.1").join(",");

  const client = clientsBehind(PROXIES)(
    "10.0.0.1",
    new Headers({ "x-forwarded-for": `192.0.2.1,${hops}` }),
  );

  assert.equal(client, "10.0.0.1");
});
