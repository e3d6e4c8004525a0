// `tinycloud keygen`: a secret for `keys.secret`.

import { encodeBase64url } from "../tokens/base64url.ts";
import type { Command } from "./command.ts";

const SECRET_BYTES = 32;

export const keygen: Command = {
  name: "keygen",
  summary: "make a secret for keys.secret",
  help: `usage: tinycloud keygen

Prints a new random secret: 32 bytes as base64url. All host keys of a node derive from it, so keep it
secret and back it up.

example:
  TINYCLOUD_KEYS_SECRET=$(tinycloud keygen) tinycloud`,
  options: {},
  words: 0,

  run(_flags, _words, io) {
    io.print(encodeBase64url(crypto.getRandomValues(new Uint8Array(SECRET_BYTES))));
    return Promise.resolve(0);
  },
};
