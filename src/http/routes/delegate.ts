// POST /delegate (wire §4).

import { delegate } from "../../spaces/delegate.ts";
import { bodyLength, tokenOf } from "../framing.ts";
import { judging, type Route } from "../route.ts";

export const delegateRoute: Route = async (request, { services, notes, trace }) => {
  bodyLength(request);
  const token = tokenOf(request);
  const { cid, activated, skipped, hosts } = await judging("delegate", services, () => {
    return delegate(token, services);
  });
  const [space] = [...activated, ...skipped];
  if (space !== undefined) notes.space = space;
  for (const space of hosts) services.log.info("space.hosted", { space, trace });
  if (wantsText(request.headers.get("accept"))) return new Response(cid);
  return Response.json({ cid, activated, skipped });
};

/** Clients of 1.0 may ask for the bare CID; who takes JSON too gets JSON. */
function wantsText(accept: string | null): boolean {
  const types = (accept ?? "").toLowerCase().split(",").map((part) => part.split(";")[0]?.trim());
  return types.includes("text/plain") && !types.includes("application/json") &&
    !types.includes("*/*");
}
