// `tinycloud version`.

import { VERSION } from "../version.ts";
import type { Command } from "./command.ts";

export const version: Command = {
  name: "version",
  summary: "print the version",
  help: `usage: tinycloud version

Prints the version of the node and of the runtime it runs on.`,
  options: {},
  words: 0,

  run(_flags, _words, io) {
    io.print(`tinycloud ${VERSION} (protocol 1, deno ${Deno.version.deno})`);
    return Promise.resolve(0);
  },
};
