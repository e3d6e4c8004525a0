// `tinycloud spaces delete`: a space and all that it holds, gone for good.

import type { Config } from "../../config/config.ts";
import { NodeError } from "../../errors.ts";
import type { Blocks } from "../../blocks/blocks.ts";
import type { SpaceId } from "../../capabilities/space_id.ts";
import type { Repository } from "../../repository/repository.ts";
import { eraseContents, eraseRest } from "../../spaces/erase_space.ts";
import { systemClock } from "../../telemetry/clock.ts";
import { collectAll, takeTurn } from "../collecting.ts";
import {
  type Command,
  CONFIG_HELP,
  CONFIG_OPTIONS,
  configure,
  counted,
  type Flags,
  type Io,
} from "../command.ts";
import { progress } from "../progress.ts";
import { openBlocks, openToWrite } from "../stores.ts";
import { hostedSpace, sizeOf, spaceNamed } from "./space.ts";

const TRIES = 3;

export const deleteSpace: Command = {
  name: "spaces delete",
  summary: "erase a space for good",
  help: `usage: tinycloud spaces delete ID [options]

Erases the space: its keys and values, the signed puts and deletions, and the delegations that name
nothing else. Nothing brings it back but an export, or a backup of the node. It asks before it begins;
cut off, it goes on when it is run again, and nobody can use the space meanwhile. Safe beside a
running node. Revocations stay, and so does what backups hold. The owner may host the space anew, and
finds it empty: an allowlist (spaces.allowlist) prevents that.

${CONFIG_HELP}
  --yes           without asking
  --json          what was erased, as one JSON object; needs --yes

exit codes: 0 erased, 1 not, or not wholly: run it again, 64 wrong usage, 78 wrong configuration

example:
  tinycloud spaces export ID space.tar && tinycloud spaces delete ID`,
  options: { ...CONFIG_OPTIONS, json: { type: "boolean" }, yes: { type: "boolean" } },
  words: 1,
  wants: "which space",

  async run(flags, [word = ""], io) {
    const space = spaceNamed(word);
    const { config } = await configure(flags, io);
    await using repository = await openToWrite(config);
    await using blocks = await openBlocks(config);
    const { keys, usedBytes } = await hostedSpace(repository, space);
    if (!isMeant(space, `${counted(keys, "key")}, ${sizeOf(usedBytes)}`, flags, io)) {
      io.complain("nothing was erased");
      return 1;
    }
    await erase(space, config, { repository, blocks }, io);
    io.print(
      flags.json === true
        ? JSON.stringify({ erased: { space, keys, bytes: usedBytes } })
        : `${space} is erased: ${counted(keys, "key")}, ${sizeOf(usedBytes)}`,
    );
    return 0;
  },
};

/** Throws NodeError when it did not come to its end; then it can be begun again. */
export async function erase(
  space: SpaceId,
  config: Config,
  { repository, blocks }: { readonly repository: Repository; readonly blocks: Blocks },
  io: Io,
): Promise<void> {
  const ports = { repository, blocks, clock: systemClock, space };
  {
    using bar = progress(io, "erased");
    await eraseContents({ ...ports, progress: bar.advance });
  }
  const collecting = { repository, blocks, io, holder: `delete ${crypto.randomUUID()}` };
  for (let tries = 0; tries < TRIES; tries++) {
    await collectAll(config, collecting);
    const lease = await takeTurn(collecting);
    if (lease === undefined) break;
    const isDone = await eraseRest(ports, lease);
    // Not after a failed removal: that may still be under way, and the lease runs out by itself.
    await lease.release();
    if (isDone) return;
  }
  throw new NodeError(
    "storage_unavailable",
    "its values are not all removed yet, since the node is collecting: run it again",
  );
}

function isMeant(space: SpaceId, what: string, { yes }: Flags, { ask }: Io): boolean {
  if (yes === true) return true;
  if (ask === undefined) {
    throw new NodeError("inputs_invalid", "nobody is here to be asked: add --yes to erase it");
  }
  const name = space.slice(space.lastIndexOf(":") + 1);
  const answer = ask(
    `${space} (${what}) will be erased for good. Type its name, ${name}, to go on:`,
  );
  return answer.trim() === name;
}
