// GET /info and GET /version (wire §9): what SDKs ask before they sign in.

import type { Route, Services } from "../route.ts";

const FEATURES = ["kv", "delegation", "sharing"] as const;
export type Feature = (typeof FEATURES)[number];

/** What the node says of itself. */
export interface Info {
  readonly protocol: number;
  readonly version: string;
  readonly features: readonly Feature[];
  readonly nodeId: string;
  readonly inTEE: boolean;
}

export function infoOf({ version, keys }: Pick<Services, "version" | "keys">): Info {
  return { protocol: 1, version, features: FEATURES, nodeId: keys.nodeId, inTEE: false };
}

export const infoRoute: Route = (_request, { services }) =>
  Promise.resolve(Response.json(infoOf(services)));
