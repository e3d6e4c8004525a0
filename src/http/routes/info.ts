// GET /info and GET /version (wire §9): what SDKs ask before they sign in.

import type { Route } from "../route.ts";

export const infoRoute: Route = (_request, { services }) =>
  Promise.resolve(Response.json({
    protocol: 1,
    version: services.version,
    features: ["kv", "delegation", "sharing"],
    nodeId: services.keys.nodeId,
    inTEE: false,
  }));
