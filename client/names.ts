/**
 * Names of spaces and of what lies in them (wire §1).
 */

/** The id of the space `name` owned by `did`: `tinycloud:pkh:eip155:1:0x…:name`. */
export function spaceId(did: string, name = "default"): string {
  return `tinycloud:${did.replace(/^did:/, "")}:${name}`;
}

/** The URI of a service of a space, or of a path in it; the empty path is not "no path". */
export function resourceUri(space: string, service: string, path?: string): string {
  return path === undefined ? `${space}/${service}` : `${space}/${service}/${path}`;
}

/** An ability in full: `get` of the service `kv` is `tinycloud.kv/get`; full names stay. */
export function abilityName(service: string, name: string): string {
  return name.includes("/") ? name : `tinycloud.${service}/${name}`;
}

/** RFC 3986 path characters, but for escapes of characters that need none. */
const KEY =
  /^(?:[\w.~!$&'()*+,;=:@/-]|%(?!2[DE]|3\d|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])[\dA-F]{2})*$/;

/**
 * `key`, if it can stand in a URI as it is. Nodes store it literally, so nothing is escaped here:
 * two spellings would be two keys. Throws a TypeError that says what to do, for a `?` would
 * silently cut the key off.
 */
export function checkedKey(key: string): string {
  const dots = key.split("/").some((segment) => segment === "." || segment === "..");
  if (dots || !KEY.test(key)) {
    throw new TypeError(
      `Not a key: ${JSON.stringify(key)}. Write each part between slashes with ` +
        "encodeURIComponent, and none as . or ..",
    );
  }
  return key;
}
