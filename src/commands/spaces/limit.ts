// `tinycloud spaces limit`: a space's own limit, in place of `storage.limit`.

import { parseBytes } from "../../config/quantity.ts";
import { NodeError } from "../../errors.ts";
import { type Command, CONFIG_HELP, CONFIG_OPTIONS, configure } from "../command.ts";
import { openToWrite } from "../stores.ts";
import { hostedSpace, jsonOf, sizeOf, spaceNamed } from "./space.ts";

export const limitSpace: Command = {
  name: "spaces limit",
  summary: "how much a space may hold",
  help: `usage: tinycloud spaces limit ID SIZE [options]

Gives a space a limit of its own in place of storage.limit: a size such as "10 GiB", none, or default
for storage.limit again. It holds from the next request on, on every node of the database. A space
that is over it loses nothing, and can only shrink.

${CONFIG_HELP}
  --json          what is in effect, as one JSON object

example:
  tinycloud spaces limit tinycloud:pkh:eip155:1:0x7099…79C8:default "10 GiB"`,
  options: { ...CONFIG_OPTIONS, json: { type: "boolean" } },
  words: 2,
  wants: "which space, and which size",

  async run(flags, [word = "", size = ""], io) {
    const space = spaceNamed(word);
    const bytes = limitOf(size);
    const { config } = await configure(flags, io);
    await using repository = await openToWrite(config);
    await hostedSpace(repository, space);
    await repository.setSpaceLimit(space, bytes);
    const facts = await hostedSpace(repository, space);
    if (flags.json === true) {
      const { limit = null, bytes: used } = jsonOf(facts, { live: 0, revoked: 0 });
      io.print(JSON.stringify({ space, limit, bytes: used }));
      return 0;
    }
    const said = bytes === undefined
      ? "as storage.limit says"
      : bytes === 0
      ? "any size"
      : sizeOf(bytes);
    io.print(`${space} may hold ${said}; it holds ${sizeOf(facts.usedBytes)}`);
    return 0;
  },
};

/** Bytes, 0 for none; undefined: the node's own. Throws NodeError with a sentence. */
function limitOf(word: string): number | undefined {
  if (word === "default") return undefined;
  const bytes = word === "none" ? 0 : parseBytes(word);
  if (bytes !== undefined) return bytes;
  throw new NodeError(
    "inputs_invalid",
    `${JSON.stringify(word)} is no size: say "10 GiB", "none" or "default"`,
  );
}
