/**
 * Just enough of a node, in memory and without any check of authority, to see what the client
 * sends and how it takes the answers. What a real node does is tested against a real node.
 */
import { cidOf } from "../../../client/mod.ts";

/** Stands in for `fetch`. */
export class FakeNode {
  /** Every request: `POST /delegate`, … */
  readonly seen: string[] = [];
  /** The payload of the last UCAN and the headers that came with it. */
  last: { payload: Record<string, unknown>; headers: Headers } | undefined;
  /** Answers in place of the node's own, by `POST /delegate`; each is used once. */
  readonly planned = new Map<string, Response[]>();
  readonly #values = new Map<string, { bytes: Uint8Array<ArrayBuffer>; headers: Headers }>();

  readonly fetch: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    const { pathname } = new URL(request.url);
    const name = `${request.method} ${pathname}`;
    this.seen.push(name);
    const token = request.headers.get("authorization") ?? "";
    if (token.includes(".")) {
      const payload = JSON.parse(text(token.split(".")[1] ?? ""));
      this.last = { payload, headers: request.headers };
    }
    const planned = this.planned.get(name)?.shift();
    if (planned !== undefined) return planned;
    if (pathname === "/info") return Response.json({ protocol: 1, version: "1.0.0", features: [] });
    if (pathname.startsWith("/peer/generate/")) return new Response("did:key:z6MkPeer");
    if (pathname === "/delegate") {
      const bytes = new TextEncoder().encode(token);
      return Response.json({ cid: cidOf(bytes), activated: [], skipped: [] });
    }
    if (pathname === "/revoke") return Response.json({ revoked: true, cid: "x" });
    return pathname === "/invoke" ? await this.#invoke(request) : refusal(404, "not_found");
  };

  async #invoke(request: Request): Promise<Response> {
    const { resource, ability } = this.lastCapability();
    const key = resource.replace(/^.*?\/kv\//, "");
    const found = this.#values.get(key);
    switch (ability) {
      case "tinycloud.kv/put":
        this.#values.set(key, {
          bytes: new Uint8Array(await request.arrayBuffer()),
          headers: request.headers,
        });
        return new Response(null, { headers: { etag: '"blake3-1"' } });
      case "tinycloud.kv/list":
        return Response.json([...this.#values.keys()].filter((name) => name.startsWith(key)));
      case "tinycloud.kv/del":
        if (!this.#values.delete(key)) {
          return refusal(404, "key_not_deleted", `No Such Key: ${key}`);
        }
        return new Response();
      default: {
        if (found === undefined) return refusal(404, "key_not_found", "Key not found");
        const size = String(found.bytes.length);
        const headers = new Headers({ etag: '"blake3-1"' });
        for (const [name, value] of found.headers) {
          if (/^content-type$|^x-tinycloud-meta-/.test(name)) headers.set(name, value);
        }
        const isGet = ability === "tinycloud.kv/get";
        headers.set(isGet ? "content-length" : "x-tinycloud-content-length", size);
        return new Response(isGet ? found.bytes : null, { headers });
      }
    }
  }

  /** The one capability of the last UCAN. */
  lastCapability(): { resource: string; ability: string } {
    const [[resource, abilities] = ["", {}]] = Object.entries(this.last?.payload.att ?? {});
    return { resource, ability: Object.keys(abilities)[0] ?? "" };
  }
}

/** An error answer as wire §10 has it. */
export function refusal(status: number, code: string, sentence = code): Response {
  const headers = { "x-tinycloud-error": code, "tinycloud-trace-id": "trace-1" };
  return new Response(`${sentence}\n`, { status, headers });
}

function text(base64url: string): string {
  return atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
}
