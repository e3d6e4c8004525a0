// `tinycloud spaces block` and `unblock`: nobody uses a space for a while; its data stays.

import { NodeError } from "../../errors.ts";
import type { SpaceState } from "../../repository/repository.ts";
import {
  type Command,
  CONFIG_HELP,
  CONFIG_OPTIONS,
  configure,
  type Flags,
  type Io,
} from "../command.ts";
import { openToWrite } from "../stores.ts";
import { hostedSpace, spaceNamed } from "./space.ts";

export const blockSpace: Command = {
  name: "spaces block",
  summary: "refuse a space to everybody, and keep its data",
  help: `usage: tinycloud spaces block ID [options]

From now on every use of the space is answered 403 space_blocked, also its owner's, on every node of
the database. Nothing of it is lost; revocations are still taken. tinycloud spaces unblock ends it.

${CONFIG_HELP}
  --json          its state, as one JSON object

example:
  tinycloud spaces block tinycloud:pkh:eip155:1:0x70997970C51812dc3A010C7d01b50e0d17dc79C8:default`,
  options: { ...CONFIG_OPTIONS, json: { type: "boolean" } },
  words: 1,
  wants: "which space",
  run: (flags, [word = ""], io) => move(word, "open", "blocked", flags, io),
};

export const unblockSpace: Command = {
  name: "spaces unblock",
  summary: "let a blocked space be used again",
  help: `usage: tinycloud spaces unblock ID [options]

Ends what tinycloud spaces block began.

${CONFIG_HELP}
  --json          its state, as one JSON object

example:
  tinycloud spaces unblock tinycloud:pkh:eip155:1:0x70997970C51812dc3A010C7d01b50e0d17dc79C8:default`,
  options: { ...CONFIG_OPTIONS, json: { type: "boolean" } },
  words: 1,
  wants: "which space",
  run: (flags, [word = ""], io) => move(word, "blocked", "open", flags, io),
};

async function move(
  word: string,
  from: SpaceState,
  to: SpaceState,
  flags: Flags,
  io: Io,
): Promise<number> {
  const space = spaceNamed(word);
  const { config } = await configure(flags, io);
  await using repository = await openToWrite(config);
  const { state } = await hostedSpace(repository, space);
  if (state !== from && state !== to) {
    throw new NodeError("storage_unavailable", `${space} is ${state}: nothing was changed`);
  }
  if (state === from && !await repository.setSpaceState(space, from, to)) {
    throw new NodeError("storage_unavailable", "somebody else has changed its state: try again");
  }
  io.print(flags.json === true ? JSON.stringify({ space, state: to }) : `${space} is ${to}`);
  return 0;
}
