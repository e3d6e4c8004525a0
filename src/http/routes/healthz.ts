// GET /healthz (wire §9): 200 while database and block store answer.

import type { Route } from "../route.ts";

export const healthRoute: Route = async (_request, { services }) => {
  await services.health();
  return new Response("ok");
};
