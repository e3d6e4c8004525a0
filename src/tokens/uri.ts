// RFC 3986: is a string a URI, and is it in normal form? Nothing is decoded, rewritten or resolved
// here: `new URL` follows WHATWG, which repairs what a signed name must not have repaired.

const PCHAR = "(?:[A-Za-z0-9\\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})";
const SCHEME = "[A-Za-z][A-Za-z0-9+.\\-]*";
const USERINFO = "(?:[A-Za-z0-9\\-._~!$&'()*+,;=:]|%[0-9A-Fa-f]{2})*";
const REG_NAME = "(?:[A-Za-z0-9\\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*";
const OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const IPV4 = `${OCTET}(?:\\.${OCTET}){3}`;
const H16 = "[0-9A-Fa-f]{1,4}";
const LS32 = `(?:${H16}:${H16}|${IPV4})`;
const IPV6 = [
  `(?:${H16}:){6}${LS32}`,
  `::(?:${H16}:){5}${LS32}`,
  `(?:${H16})?::(?:${H16}:){4}${LS32}`,
  `(?:(?:${H16}:){0,1}${H16})?::(?:${H16}:){3}${LS32}`,
  `(?:(?:${H16}:){0,2}${H16})?::(?:${H16}:){2}${LS32}`,
  `(?:(?:${H16}:){0,3}${H16})?::${H16}:${LS32}`,
  `(?:(?:${H16}:){0,4}${H16})?::${LS32}`,
  `(?:(?:${H16}:){0,5}${H16})?::${H16}`,
  `(?:(?:${H16}:){0,6}${H16})?::`,
].join("|");
const IPVFUTURE = "v[0-9A-Fa-f]+\\.[A-Za-z0-9\\-._~!$&'()*+,;=:]+";
const HOST = `(?:\\[(?:${IPV6}|${IPVFUTURE})\\]|${REG_NAME})`;
const AUTHORITY = `(?:${USERINFO}@)?${HOST}(?::[0-9]*)?`;
const PATH_ABEMPTY = `(?:/${PCHAR}*)*`;
const PATH_ROOTLESS = `${PCHAR}+${PATH_ABEMPTY}`;
const HIER_PART = `(?://${AUTHORITY}${PATH_ABEMPTY}|/(?:${PATH_ROOTLESS})?|${PATH_ROOTLESS}|)`;
const QUERY_OR_FRAGMENT = "(?:[A-Za-z0-9\\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*";

const URI = new RegExp(
  `^${SCHEME}:${HIER_PART}(?:\\?${QUERY_OR_FRAGMENT})?(?:#${QUERY_OR_FRAGMENT})?$`,
);
const ONLY_AUTHORITY = new RegExp(`^${AUTHORITY}$`);
const ONLY_SCHEME = new RegExp(`^${SCHEME}$`);
// A lower-case escape, or the escape of an unreserved character (RFC 3986 §6.2.2).
const ABNORMAL_ESCAPE =
  /%(?:[0-9A-F]?[a-f]|2D|2E|3[0-9]|4[1-9A-F]|5[0-9A]|5F|6[1-9A-F]|7[0-9A]|7E)/;
const DOT_SEGMENT = /(?:^|\/)\.\.?(?:\/|$)/;

/** Is it an absolute URI reference with a scheme, as RFC 3986 §3 spells it? */
export function isUri(text: string): boolean {
  return URI.test(text);
}

/** Is it a whole RFC 3986 authority, and not empty? */
export function isAuthority(text: string): boolean {
  return text !== "" && ONLY_AUTHORITY.test(text);
}

/** Is it an RFC 3986 scheme? */
export function isScheme(text: string): boolean {
  return ONLY_SCHEME.test(text);
}

/** Are the escapes of a URI (or a part of one) in upper case, and none of them needless? */
export function hasNormalEscapes(text: string): boolean {
  return !text.includes("%") || !ABNORMAL_ESCAPE.test(text);
}

/** Is one of the path's segments `.` or `..`? */
export function hasDotSegment(path: string): boolean {
  return DOT_SEGMENT.test(path);
}
