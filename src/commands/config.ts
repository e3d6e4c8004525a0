// `tinycloud config`: the effective configuration, and where each value comes from.

import { configJson, configText } from "../config/print.ts";
import { type Command, CONFIG_HELP, CONFIG_OPTIONS, configure } from "./command.ts";

export const config: Command = {
  name: "config",
  summary: "print the effective configuration and where each value comes from",
  help: `usage: tinycloud config [options]

Prints every option with its value and source. Secrets are shown as [secret].
Exits 78 when the configuration has a mistake, and names them all.

${CONFIG_HELP}
  --json          as JSON

example:
  TINYCLOUD_PORT=9000 tinycloud config`,
  options: { ...CONFIG_OPTIONS, json: { type: "boolean" } },
  words: 0,

  async run(flags, _words, io) {
    const loaded = await configure(flags, io);
    io.print((flags.json === true ? configJson(loaded) : configText(loaded)).trimEnd());
    for (const warning of loaded.warnings) io.complain(`warning: ${warning}`);
    return 0;
  },
};
