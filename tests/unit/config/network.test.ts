// Addresses and networks as operators write them.

import assert from "node:assert/strict";
import { isWithin, parseAddress, parseNetwork } from "../../../src/config/network.ts";

const CASES: readonly [network: string, address: string, within: boolean][] = [
  ["10.0.0.0/8", "10.255.0.1", true],
  ["10.0.0.0/8", "11.0.0.1", false],
  ["10.0.0.0/8", "::ffff:10.0.0.1", true],
  ["10.0.0.1", "10.0.0.1", true],
  ["10.0.0.1", "10.0.0.2", false],
  ["0.0.0.0/0", "192.0.2.1", true],
  ["0.0.0.0/0", "::1", false],
  ["fd00::/8", "fd12:3456::1", true],
  ["fd00::/8", "fe80::1", false],
  ["::1", "::1", true],
  ["::1/128", "::2", false],
];

for (const [text, name, within] of CASES) {
  Deno.test(`${name} is ${within ? "" : "not "}within ${text}`, () => {
    const network = parseNetwork(text);
    const address = parseAddress(name);

    assert.ok(network && address);
    assert.equal(isWithin(address, network), within);
  });
}

for (
  const text of [
    "",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "::/129",
    "10.0.0/8",
    "0x7f.1",
    "localhost",
    "010.0.0.1",
    "10.0.0.0/-1",
    "/8",
  ]
) {
  Deno.test(`${JSON.stringify(text)} is no network`, () => {
    assert.equal(parseNetwork(text), undefined);
  });
}
