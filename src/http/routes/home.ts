// GET / (wire §9): a page for people who open the address in a browser; /info for programs.

import { prefersHtml } from "../accept.ts";
import { CONTENT_SECURITY_POLICY, homePage } from "../page/home_page.ts";
import type { Route } from "../route.ts";
import { infoOf } from "./info.ts";

/** No cache keeps either: the page says how the node is now. */
const EITHER = { "cache-control": "no-store", "vary": "Accept" };

const PAGE = {
  ...EITHER,
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

export const homeRoute: Route = async (request, { services }) => {
  const info = infoOf(services);
  if (!prefersHtml(request.headers.get("accept"))) return Response.json(info, { headers: EITHER });
  // A node in trouble still has a page, which says so; programs ask /healthz.
  const trouble = (await services.health()).find(({ error }) => error !== undefined);
  return new Response(homePage(info, trouble?.error?.message), { headers: PAGE });
};
