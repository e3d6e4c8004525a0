// The kinds of values that options take. A kind reads what TOML gives as well as an environment
// variable's text, and answers with the value or with the sentence that refuses it.

import { isIP } from "node:net";
import { type Network, parseNetwork } from "./network.ts";
import { parseBytes, parseMilliseconds } from "./quantity.ts";
import { mustBe, quote, Refusal } from "./refusal.ts";

export type Kind<T> = (raw: unknown) => T | Refusal;

/** `true` or `false`. */
export const flag: Kind<boolean> = (raw) => {
  if (raw === true || raw === "true") return true;
  if (raw === false || raw === "false") return false;
  return mustBe("true or false", raw);
};

/** One of a few words, in exactly this spelling. */
export function oneOf<T extends string>(...words: readonly T[]): Kind<T> {
  const allowed = words.map(quote).join(" or ");
  return (raw) => words.find((word) => word === raw) ?? mustBe(allowed, raw);
}

/** A whole number between two bounds, both allowed. */
export function whole(min: number, max: number): Kind<number> {
  return (raw) => {
    const number = typeof raw === "string" && /^(0|[1-9]\d{0,15})$/.test(raw) ? Number(raw) : raw;
    return typeof number === "number" && Number.isInteger(number) && min <= number && number <= max
      ? number
      : mustBe(`a whole number from ${min} to ${max}`, raw);
  };
}

/** Bytes between two sizes, both allowed. */
export function bytes(min: string, max: string): Kind<number> {
  return bounded(parseBytes, min, max, `a size from ${min} to ${max}, such as "64 KiB"`);
}

/** Bytes that a sum may reach, or undefined: `0` stands for no limit. */
export const limitBytes: Kind<number | undefined> = (raw) => {
  const limit = parseBytes(raw) ?? mustBe(`a size such as "10 MiB", or 0 for no limit`, raw);
  return limit === 0 ? undefined : limit;
};

/** Milliseconds between two lengths of time, both allowed; a bare number counts seconds. */
export function duration(min: string, max: string): Kind<number> {
  return bounded(
    parseMilliseconds,
    min,
    max,
    `a time from ${min} to ${max}, such as "10 min", or a number of seconds`,
  );
}

function bounded(
  parse: (raw: unknown) => number | undefined,
  min: string,
  max: string,
  allowed: string,
): Kind<number> {
  const [least, most] = [Number(parse(min)), Number(parse(max))];
  return (raw) => {
    const amount = parse(raw);
    return amount !== undefined && least <= amount && amount <= most
      ? amount
      : mustBe(allowed, raw);
  };
}

/** Text of at most 1,024 characters, none of them a control character. */
export const text: Kind<string> = plain("text");

/** The path of a file or folder, as written. */
export const path: Kind<string> = plain("a path");

function plain(what: string): Kind<string> {
  return (raw) =>
    typeof raw === "string" && /^\P{Cc}{1,1024}$/u.test(raw)
      ? raw
      : mustBe(`${what} of 1 to 1024 characters without control characters`, raw);
}

const HOST_NAME = /^(?=.{1,253}$)([a-z0-9_-]{1,63}\.)*[a-z][a-z0-9-]{0,62}$/i;

/** An IP address, IPv6 without brackets, or a host name. */
export const host: Kind<string> = (raw) =>
  typeof raw === "string" && (isIP(raw) !== 0 || HOST_NAME.test(raw))
    ? raw
    : mustBe(`an IP address such as "127.0.0.1" or "::", or a host name`, raw);

/** A header's name (RFC 9110 §5.1). */
export const headerName: Kind<string> = (raw) =>
  typeof raw === "string" && /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/.test(raw)
    ? raw
    : mustBe("a header name of 1 to 64 letters, digits and -", raw);

/** An address to ask. A refused one is not shown, for URLs are a place where passwords hide. */
export const httpUrl: Kind<URL> = (raw) => {
  const url = typeof raw === "string" ? URL.parse(raw) : null;
  const bare = url !== null && /^https?:$/.test(url.protocol) &&
    url.username + url.password + url.search + url.hash === "";
  return bare ? url : new Refusal(
    "is not such a URL",
    "an http:// or https:// URL without user, password, query and fragment",
  );
};

/** A list of texts; in an environment variable they are parted by commas. */
export const list: Kind<readonly string[]> = (raw) => {
  const items: unknown = typeof raw === "string" ? raw.split(",").map((item) => item.trim()) : raw;
  return Array.isArray(items) && items.every((item) => text(item) === item)
    ? items
    : mustBe(`a list of texts such as ["10.0.0.0/8"]`, raw);
};

/** Addresses and CIDRs. */
export const networks: Kind<readonly Network[]> = (raw) => {
  const texts = list(raw);
  const found = texts instanceof Refusal ? [undefined] : texts.map(parseNetwork);
  return found.every((network) => network !== undefined)
    ? found
    : mustBe(`a list of addresses or networks such as ["10.0.0.0/8", "::1"]`, raw);
};

/** Whatever `kind` accepts, or the one word that stands for nothing: undefined. */
export function optional<T>(word: "none" | "off", kind: Kind<T>): Kind<T | undefined> {
  return (raw) => {
    if (raw === word) return undefined;
    const value = kind(raw);
    return value instanceof Refusal
      ? new Refusal(value.found, `${value.allowed}, or ${quote(word)}`)
      : value;
  };
}
