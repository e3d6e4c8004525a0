// `tinycloud version`.

import { VERSION } from "../version.ts";
import type { Command } from "./command.ts";

export const version: Command = {
  name: "version",
  summary: "print the version",
  help: `usage: tinycloud version [options]

Prints the version of the node and of the runtime it runs on.

  --json          as one JSON object`,
  options: { json: { type: "boolean" } },
  words: 0,

  run(flags, _words, io) {
    const deno = Deno.version.deno;
    io.print(
      flags.json === true
        ? JSON.stringify({ version: VERSION, protocol: 1, deno })
        : `tinycloud ${VERSION} (protocol 1, deno ${deno})`,
    );
    return Promise.resolve(0);
  },
};
