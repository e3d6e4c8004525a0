// Who is asking, for the limits by client (configuration.md, `limits.client_rate`): the socket's
// address, or what a trusted proxy says of the one behind it.

import { type Address, isWithin, type Network, parseAddress } from "../config/network.ts";
import { memo } from "../memo.ts";

/** The programs of this machine are not limited: one of them is usually a proxy, or a probe. */
const OWN: ReadonlySet<string> = new Set(["127.0.0.1", "::1"]);
/** Proxies that may stand before one another. */
const MAX_HOPS = 16;
/** All those of whom a trusted proxy says nothing that can be believed share one name. */
const UNKNOWN = "unknown";
/** Characters of an address, with zone: what is longer is none. */
const MAX_ADDRESS = 64;
const MAX_REMEMBERED = 10_000;

/**
 * Names the client of a request: an IPv4 address, the /64 of an IPv6 address, or undefined for one
 * that is not limited. Only requests that come from `proxies` have their `Forwarded` (RFC 7239) or `X-Forwarded-For` believed, read from the right, and a
 * request with both only where they agree: a proxy writes one of them and passes the other on.
 */
export function clientsBehind(
  proxies: readonly Network[],
): (peer: string, headers: Headers) => string | undefined {
  const read = memo(MAX_REMEMBERED, (text: string) => {
    const address = parseAddress(text);
    return {
      name: address === undefined ? UNKNOWN : networkOf(address),
      isOwn: OWN.has(address?.toString() ?? ""),
      isTrusted: address !== undefined && proxies.some((network) => isWithin(address, network)),
    };
  });

  /** The right-most hop that is no proxy of ours; if all are, the left-most. */
  function behind(hops: readonly string[]): string {
    let name = UNKNOWN;
    for (const hop of hops.slice(-MAX_HOPS).toReversed()) {
      if (hop.length > MAX_ADDRESS) return UNKNOWN;
      const found = read(hop);
      name = found.name;
      if (!found.isTrusted) break;
    }
    return name;
  }

  return (peer, headers) => {
    const { name, isOwn, isTrusted } = read(peer);
    if (isTrusted) {
      const [forwarded, forwardedFor] = [
        headers.get("forwarded"),
        headers.get("x-forwarded-for"),
      ];
      const told = [
        ...(forwarded === null ? [] : [behind(forwarded.split(",").map(forOf))]),
        ...(forwardedFor === null ? [] : [behind(forwardedFor.split(",").map(hostOf))]),
      ];
      const [first = undefined, second = first] = told;
      if (first !== undefined) return first === second ? first : UNKNOWN;
    }
    return isOwn ? undefined : name;
  };
}

/** Whoever has one IPv6 address has 2^64 of them. */
function networkOf(address: Address): string {
  if (address.kind() === "ipv4") return address.toString();
  return `${Uint8Array.from(address.toByteArray().slice(0, 8)).toHex()}/64`;
}

/** The `for` of one element of `Forwarded`, without its port: `for="[2001:db8::1]:4711"`. */
function forOf(element: string): string {
  const found = /(?:^|;)[ \t]*for=(?:"([^"\\]*)"|([^";, \t]*))[ \t]*(?:;|$)/i.exec(element);
  return hostOf(found?.[1] ?? found?.[2] ?? "");
}

/** Without brackets and port. */
function hostOf(text: string): string {
  const hop = text.trim();
  const found = /^\[([^\]]*)\](?::\d+)?$/.exec(hop) ?? /^([\d.]+):\d+$/.exec(hop);
  return found?.[1] ?? hop;
}
