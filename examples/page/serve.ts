// Serves the page beside this file, its module and the client as one script:
//
//     deno task example:page [port]

import { fileURLToPath } from "node:url";

const HERE = new URL("./", import.meta.url);

export interface PageServer extends AsyncDisposable {
  /** `http://localhost:port/` */
  readonly url: string;
}

/** Starts to serve; port 0 is a free one. */
export async function servePage(port: number): Promise<PageServer> {
  const files = new Map([
    ["/", {
      type: "text/html; charset=utf-8",
      text: await Deno.readTextFile(new URL("index.html", HERE)),
    }],
    ["/page.js", { type: "text/javascript; charset=utf-8", text: await bundled("page.js") }],
  ]);
  const server = Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, (request) => {
    const file = files.get(new URL(request.url).pathname);
    if (file === undefined) return new Response("Not found", { status: 404 });
    return new Response(file.text, { headers: { "content-type": file.type } });
  });
  return {
    url: `http://localhost:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** The module and all that it imports, as one script for browsers. */
async function bundled(module: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform", "browser", fileURLToPath(new URL(module, HERE))],
    cwd: fileURLToPath(HERE),
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

if (import.meta.main) {
  const { url } = await servePage(Number(Deno.args[0] ?? 8080));
  // deno-lint-ignore no-console -- a program for people
  console.log(`Open ${url} in a browser; Ctrl-C ends this.`);
}
