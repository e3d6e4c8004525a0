// GET /livez (wire §9): 200 as long as the process answers at all, for those who would restart it. It
// touches no store: a node whose database is gone is not mended by a restart.

import type { Route } from "../route.ts";

export const LIVE_PATH = "/livez";

export const liveRoute: Route = () => Promise.resolve(new Response("ok"));
