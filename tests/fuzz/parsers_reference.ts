// What JSON and URIs are, read a second time by other means: a parser and its reference must agree on
// every input. Slow, plain, and sharing nothing with src/.

import { isIPv6 } from "node:net";

const MAX_DEPTH = 32;

/** Is it JSON (RFC 8259) as tokens may carry it (wire §3): no name twice, no NUL, no lone surrogate? */
export function isStrictJson(text: string): boolean {
  const reader = new JsonReader(text);
  return reader.value(0) && reader.isAtEnd();
}

class JsonReader {
  #at = 0;

  constructor(readonly text: string) {}

  isAtEnd(): boolean {
    this.#space();
    return this.#at === this.text.length;
  }

  value(depth: number): boolean {
    this.#space();
    switch (this.text.charAt(this.#at)) {
      case "{":
        return this.#all("}", depth + 1, new Set());
      case "[":
        return this.#all("]", depth + 1);
      case '"':
        return this.#string() !== undefined;
      default:
        return this.#match(/(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/y) !==
          undefined;
    }
  }

  /** A list, or with `names` an object, up to its end. */
  #all(end: string, depth: number, names?: Set<string>): boolean {
    if (depth > MAX_DEPTH) return false;
    this.#at++;
    this.#space();
    if (this.#takes(end)) return true;
    do {
      if (names !== undefined && !this.#name(names)) return false;
      if (!this.value(depth)) return false;
      this.#space();
    } while (this.#takes(","));
    return this.#takes(end);
  }

  #name(names: Set<string>): boolean {
    this.#space();
    const name = this.#string();
    if (name === undefined || names.has(`.${name}`)) return false;
    names.add(`.${name}`);
    this.#space();
    return this.#takes(":");
  }

  /** What the string says; undefined when it is none, or holds what no text holds. */
  #string(): string | undefined {
    // deno-lint-ignore no-control-regex -- the controls that JSON forbids
    const raw = this.#match(/"(?:[^"\\\0-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y);
    if (raw === undefined) return undefined;
    const said = raw.slice(1, -1).replace(
      /\\(u.{4}|.)/g,
      (_, escape: string) =>
        escape.startsWith("u")
          ? String.fromCharCode(Number.parseInt(escape.slice(1), 16))
          : { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }[escape] ?? escape,
    );
    return said.isWellFormed() && !said.includes("\0") ? said : undefined;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const [match] = pattern.exec(this.text) ?? [];
    if (match !== undefined) this.#at += match.length;
    return match;
  }

  #takes(character: string): boolean {
    if (this.text.charAt(this.#at) !== character) return false;
    this.#at++;
    return true;
  }

  #space(): void {
    while (/^[ \t\n\r]$/.test(this.text.charAt(this.#at))) this.#at++;
  }
}

/** Is it a URI (RFC 3986 §3)? Taken apart as its appendix B does, and each part looked at alone. */
export function isReferenceUri(text: string): boolean {
  const parts = /^(?:([^:/?#]+):)(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#([^]*))?$/.exec(text);
  if (parts === null) return false;
  const [, scheme = "", authority, path = "", query = "", fragment = ""] = parts;
  return /^[a-z][a-z0-9+.-]*$/i.test(scheme) &&
    (authority === undefined || isReferenceAuthority(authority)) &&
    consistsOf(path, "/:@") && consistsOf(query, "/:@?") && consistsOf(fragment, "/:@?");
}

/** Is it an authority (RFC 3986 §3.2)? */
export function isReferenceAuthority(text: string): boolean {
  const at = text.indexOf("@");
  if (!consistsOf(text.slice(0, Math.max(0, at)), ":")) return false;
  const hostAndPort = text.slice(at + 1);
  const close = hostAndPort.startsWith("[") ? hostAndPort.indexOf("]") : 0;
  if (close < 0) return false;
  const colon = hostAndPort.indexOf(":", close);
  const host = colon < 0 ? hostAndPort : hostAndPort.slice(0, colon);
  if (colon >= 0 && !/^\d*$/.test(hostAndPort.slice(colon + 1))) return false;
  return close === 0 ? consistsOf(host, "") : host.endsWith("]") && isLiteral(host.slice(1, -1));
}

function isLiteral(address: string): boolean {
  const [, rest] = /^v[0-9a-f]+\.(.+)$/i.exec(address) ?? [];
  if (rest !== undefined && address.startsWith("v")) {
    return !rest.includes("%") && consistsOf(rest, ":");
  }
  return /^[0-9a-f:.]+$/i.test(address) && isIPv6(address);
}

/** Unreserved characters, sub-delimiters, escapes, and these. */
function consistsOf(text: string, also: string): boolean {
  const bare = text.replace(/%[0-9a-f]{2}/gi, "");
  return [...bare].every((character) =>
    /^[a-z0-9]$/i.test(character) || "-._~!$&'()*+,;=".includes(character) ||
    also.includes(character)
  );
}

/**
 * Is it canonical dag-cbor, by a reader of one's own? Undefined where that depends on more than the
 * bytes at hand: floats, CIDs, nesting so deep that the stack decides; and where a text begins with
 * a byte order mark, which the library loses, so that the node refuses it.
 */
export function isCanonicalCbor(bytes: Uint8Array): boolean | undefined {
  const reader = new CborReader(bytes);
  const taken = reader.item(0) && reader.isAtEnd();
  return reader.isTooDeep || (taken && reader.isUnsure) ? undefined : taken;
}

const MAX_SURE_DEPTH = 200;

class CborReader {
  #at = 0;
  isUnsure = false;
  isTooDeep = false;

  constructor(readonly bytes: Uint8Array) {}

  isAtEnd(): boolean {
    return this.#at === this.bytes.length;
  }

  item(depth: number): boolean {
    if (depth > MAX_SURE_DEPTH) this.isTooDeep = true;
    if (this.isTooDeep) return false;
    const first = this.bytes[this.#at];
    if (first === undefined) return false;
    if (first >= 0xe0) return this.#simple(first);
    const value = this.#head();
    if (value === undefined) return false;
    switch (first >> 5) {
      case 0:
      case 1:
        return true;
      case 2:
        return this.#take(value) !== undefined;
      case 3:
        return this.#text(value) !== undefined;
      case 4:
        return value <= this.bytes.length && this.#items(value, depth);
      case 5:
        return value <= this.bytes.length && this.#pairs(value, depth);
      default:
        this.isUnsure = true; // a CID
        return value === 42 && this.item(depth + 1);
    }
  }

  #simple(first: number): boolean {
    this.#at++;
    if (first === 0xf4 || first === 0xf5 || first === 0xf6) return true;
    this.isUnsure = true;
    return first === 0xfb && this.#take(8) !== undefined;
  }

  #items(count: number, depth: number): boolean {
    for (let left = count; left > 0; left--) if (!this.item(depth + 1)) return false;
    return true;
  }

  #pairs(count: number, depth: number): boolean {
    let last: string | undefined;
    for (let left = count; left > 0; left--) {
      const start = this.#at;
      if ((this.bytes[start] ?? 0) >> 5 !== 3) return false;
      const length = this.#head();
      if (length === undefined || this.#text(length) === undefined) return false;
      // The head grows with the length, so whole encodings sort as names must.
      const name = this.bytes.subarray(start, this.#at).toHex();
      if (last !== undefined && last >= name) return false;
      last = name;
      if (!this.item(depth + 1)) return false;
    }
    return true;
  }

  #text(length: number): Uint8Array | undefined {
    const bytes = this.#take(length);
    if (bytes?.[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.isUnsure = true;
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(bytes);
      return bytes;
    } catch {
      return undefined;
    }
  }

  /** The number in a head, if it stands in its shortest form. */
  #head(): number | undefined {
    const info = (this.bytes[this.#at++] ?? 0) & 31;
    if (info < 24) return info;
    if (info > 27) return undefined;
    const width = 1 << (info - 24);
    const bytes = this.#take(width);
    if (bytes === undefined) return undefined;
    const value = Number(BigInt(`0x${bytes.toHex()}`));
    const least = [24, 0x100, 0x10000, 0x100000000][info - 24] ?? 0;
    return value < least ? undefined : value;
  }

  #take(length: number): Uint8Array | undefined {
    const end = this.#at + length;
    if (end > this.bytes.length) return undefined;
    const taken = this.bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
