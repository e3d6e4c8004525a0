// The page for people at `/`: what this is, what it is called, whether it works, how to use it. It
// says nothing that depends on who asks, and nothing that a request contains: not even the node's
// address, which only the browser knows (a Host header is anyone's word).

import { createHash } from "node:crypto";
import { html, template } from "./html.ts";
import source from "./page.html" with { type: "text" };
import type { Feature, Info } from "../routes/info.ts";

/** The page runs its own style and script and loads nothing; nobody may frame it. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src '${hashOf("style")}'`,
  `script-src '${hashOf("script")}'`,
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const MEANING: Readonly<Record<Feature, string>> = {
  kv: "keeps values under keys",
  delegation: "passes on a part of one’s access, and takes it back",
  sharing: "shares by a link",
};

const READY = {
  state: "ready",
  verdict: "Ready.",
  says: "It takes requests, and its stores answer.",
};
const TROUBLED = { state: "troubled", verdict: "Not ready." };

const fill = template(source);

/** The page of a node; `trouble` is the sentence that says why it is not ready. */
export function homePage(info: Info, trouble: string | undefined): string {
  return fill({
    version: info.version,
    nodeId: info.nodeId,
    protocol: String(info.protocol),
    features: info.features.map((name) => html`<li><code>${name}</code> ${MEANING[name]}</li>`),
    ...(trouble === undefined ? READY : { ...TROUBLED, says: `It answers: ${trouble}.` }),
  });
}

/** What CSP allows an inline element by. */
function hashOf(tag: "style" | "script"): string {
  const text = new RegExp(`<${tag}[^>]*>([^]*?)</${tag}>`).exec(source)?.[1] ?? "";
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
