// Where a kv capability points (wire §6).

import type { Capability } from "../capabilities/delegation.ts";
import type { SpaceId } from "../capabilities/space_id.ts";
import { NodeError } from "../errors.ts";
import { MAX_KEY_BYTES } from "../limits.ts";

/** A key in a space; of a list, the prefix of keys. */
export interface Place {
  readonly space: SpaceId;
  readonly key: string;
}

/** A kv capability's place. Throws `inputs_invalid` or `key_too_long`. */
export function placeOf({ resource }: Capability): Place {
  if (resource.kind !== "space" || resource.service !== "kv" || resource.path === undefined) {
    throw new NodeError("inputs_invalid");
  }
  // A resource is ASCII, so characters are bytes.
  if (resource.path.length > MAX_KEY_BYTES) throw new NodeError("key_too_long");
  return { space: resource.space, key: resource.path };
}
