// POST /revoke (wire §8).

import { revoke } from "../../spaces/revoke.ts";
import { bodyCid } from "../body.ts";
import { bodyLength, tokenOf } from "../framing.ts";
import { judging, type Route } from "../route.ts";

export const revokeRoute: Route = async (request, { services }) => {
  const length = bodyLength(request);
  const token = tokenOf(request);
  const named = () => bodyCid(request, length, services.bodyIdleTimeoutMs);
  const { cid } = await judging("revoke", services, () => revoke(token, named, services));
  return Response.json({ revoked: true, cid });
};
