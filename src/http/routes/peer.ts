// GET /peer/generate/{space} (wire §5): this node's DID for the space, for a host delegation.

import { parseSpaceId } from "../../capabilities/space_id.ts";
import { NodeError } from "../../errors.ts";
import type { Route } from "../route.ts";

export const peerRoute: Route = (_request, { services, rest }) => {
  const parsed = parseSpaceId(decode(rest));
  if (parsed === undefined) throw new NodeError("space_id_invalid");
  return Promise.resolve(new Response(services.keys.hostDid(parsed.space)));
};

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw new NodeError("space_id_invalid", undefined, { cause });
  }
}
