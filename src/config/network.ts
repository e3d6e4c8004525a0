// Addresses and networks as operators and proxies write them.

import ipaddr from "ipaddr.js";
import type { IPv4, IPv6 } from "ipaddr.js";

export type Address = IPv4 | IPv6;

/** An address, and how many of its first bits count. */
export type Network = readonly [Address, bits: number];

/**
 * An address in one of the usual forms: ipaddr.js reads octal and shortened IPv4 too, as nobody else
 * does. IPv4 within IPv6 (`::ffff:10.0.0.1`) is IPv4.
 */
export function parseAddress(text: string): Address | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  return ipaddr.IPv6.isValid(text) ? ipaddr.process(text) : undefined;
}

/** A CIDR such as `10.0.0.0/8`, or an address, which stands for itself alone. */
export function parseNetwork(text: string): Network | undefined {
  const [, name = "", bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = parseAddress(name);
  if (address === undefined) return undefined;
  const width = address.kind() === "ipv4" ? 32 : 128;
  const counted = bits === undefined ? width : Number(bits);
  return counted <= width ? [address, counted] : undefined;
}

export function isWithin(address: Address, [network, bits]: Network): boolean {
  return address.kind() === network.kind() && address.match(network, bits);
}
