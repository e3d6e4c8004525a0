// Asking a running node over HTTP. Not by `fetch`: that goes by HTTP_PROXY, and a health check would
// ask the proxy for a node on this machine.

import { get as getPlain } from "node:http";
import { get as getSecure } from "node:https";

export interface NodeAnswer {
  readonly status: number;
  /** `x-tinycloud-error`. */
  readonly code: string | undefined;
  readonly text: string;
}

/** Longer than a node takes to find that a store does not answer. */
const DEADLINE_MS = 5000;
const MAX_ANSWER = 256 * 1024;

/** Whoever was asked did not answer; the message says why. */
export class NoAnswer extends Error {}

/** The answer to a GET. Throws NoAnswer when none comes within five seconds. */
export function askNode(url: URL): Promise<NodeAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<NodeAnswer>();
  const get = url.protocol === "https:" ? getSecure : getPlain;
  const request = get(url, { agent: false }, (response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (part: string) => {
      text += part;
      if (text.length > MAX_ANSWER) request.destroy(new Error("its answer is too long"));
    });
    response.on("end", () => {
      const code = response.headers["x-tinycloud-error"];
      resolve({
        status: response.statusCode ?? 0,
        code: typeof code === "string" ? code : undefined,
        text,
      });
    });
    response.on("error", (error) => reject(noAnswer(url, error)));
  });
  request.on("error", (error) => reject(noAnswer(url, error)));
  const late = setTimeout(
    () => request.destroy(new Error(`no answer in ${DEADLINE_MS / 1000} s`)),
    DEADLINE_MS,
  );
  return promise.finally(() => clearTimeout(late));
}

function noAnswer({ origin }: URL, error: Error): NoAnswer {
  const code = "code" in error ? error.code : undefined;
  const reason = code === "ECONNREFUSED"
    ? `nothing listens at ${origin}`
    : code === "ENOTFOUND" || code === "EAI_AGAIN"
    ? `${origin}: there is no host of that name`
    : `${origin}: ${error.message}`;
  return new NoAnswer(reason, { cause: error });
}
