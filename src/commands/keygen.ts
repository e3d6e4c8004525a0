// `tinycloud keygen`: a secret for `keys.secret`.

import { encodeBase64url } from "../tokens/base64url.ts";
import type { Command } from "./command.ts";

const SECRET_BYTES = 32;

export const keygen: Command = {
  name: "keygen",
  summary: "make a secret for keys.secret",
  help: `usage: tinycloud keygen [options]

Prints a new random secret: 32 bytes as base64url. All host keys of a node derive from it, so keep it
secret and back it up.

  --json          as one JSON object

example:
  TINYCLOUD_KEYS_SECRET=$(tinycloud keygen) tinycloud`,
  options: { json: { type: "boolean" } },
  words: 0,

  run(flags, _words, io) {
    const secret = encodeBase64url(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));
    io.print(flags.json === true ? JSON.stringify({ secret }) : secret);
    return Promise.resolve(0);
  },
};
