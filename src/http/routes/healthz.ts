// GET /healthz (wire §9): 200 while database and block store answer, for those who send requests here.

import type { Route } from "../route.ts";

export const healthRoute: Route = async (_request, { services }) => {
  for (const { error } of await services.health()) if (error !== undefined) throw error;
  return new Response("ok");
};
