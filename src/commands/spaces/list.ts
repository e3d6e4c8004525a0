// `tinycloud spaces list` and `show`: the spaces hosted here, as their operator sees them.

import type { SpaceId } from "../../capabilities/space_id.ts";
import type { SpaceFacts } from "../../repository/repository.ts";
import { type Command, CONFIG_HELP, CONFIG_OPTIONS, configure, counted } from "../command.ts";
import { openToRead } from "../stores.ts";
import {
  countDelegations,
  type DelegationCounts,
  fullness,
  hostedSpace,
  jsonOf,
  sizeOf,
  spaceNamed,
  timeOf,
} from "./space.ts";

const PAGE = 500;

export const listSpaces: Command = {
  name: "spaces list",
  summary: "all spaces, with owner, size, limit and last write",
  help: `usage: tinycloud spaces list [options]

Lists the spaces hosted here, in the order of their ids: owner, when it was hosted, keys, bytes held
and allowed, delegations in force and revoked, the last put or deletion, and its state unless it is
open. Safe beside a running node.

${CONFIG_HELP}
  --json          one JSON object a line; sizes in bytes, times in ISO 8601

example:
  tinycloud spaces list --json | jq -r 'select(.bytes > 1e9).space'`,
  options: { ...CONFIG_OPTIONS, json: { type: "boolean" } },
  words: 0,

  async run(flags, _words, io) {
    const { config } = await configure(flags, io);
    await using repository = await openToRead(config);
    let [spaces, bytes] = [0, 0];
    let after: SpaceId | undefined;
    while (true) {
      const page = await repository.spaces(after, PAGE);
      for (const space of page) {
        const facts = await repository.spaceFacts(space);
        if (facts === undefined) continue; // erased since
        const delegations = await countDelegations(repository, facts);
        io.print(
          flags.json === true
            ? JSON.stringify(jsonOf(facts, delegations))
            : `${space}\n  ${linesOf(facts, delegations, config.storage.limitBytes).join("\n  ")}`,
        );
        spaces++;
        bytes += facts.usedBytes;
      }
      after = page.at(-1);
      if (page.length < PAGE) break;
    }
    if (flags.json !== true) io.print(`${counted(spaces, "space")}, ${sizeOf(bytes)}`);
    return 0;
  },
};

export const showSpace: Command = {
  name: "spaces show",
  summary: "one space",
  help: `usage: tinycloud spaces show ID [options]

Shows what tinycloud spaces list shows, of one space.

${CONFIG_HELP}
  --json          as one JSON object

example:
  tinycloud spaces show tinycloud:pkh:eip155:1:0x70997970C51812dc3A010C7d01b50e0d17dc79C8:default`,
  options: { ...CONFIG_OPTIONS, json: { type: "boolean" } },
  words: 1,
  wants: "which space",

  async run(flags, [word = ""], io) {
    const space = spaceNamed(word);
    const { config } = await configure(flags, io);
    await using repository = await openToRead(config);
    const facts = await hostedSpace(repository, space);
    const delegations = await countDelegations(repository, facts);
    io.print(
      flags.json === true
        ? JSON.stringify(jsonOf(facts, delegations))
        : [space, ...linesOf(facts, delegations, config.storage.limitBytes)].join("\n  "),
    );
    return 0;
  },
};

function linesOf(
  facts: SpaceFacts,
  { live, revoked }: DelegationCounts,
  common: number | undefined,
): readonly string[] {
  const { owner, createdAt, keys, changedAt, state } = facts;
  const written = changedAt === undefined ? "never written" : `last write ${timeOf(changedAt)}`;
  return [
    `owner ${owner}`,
    `hosted ${timeOf(createdAt)}, ${written}`,
    `${counted(keys, "key")}, ${fullness(facts, common)}; ${
      counted(live, "delegation")
    } in force, ${revoked} revoked`,
    ...(state === "open" ? [] : [STATES[state]]),
  ];
}

const STATES = {
  blocked: "BLOCKED: refused to everybody, its data kept (tinycloud spaces unblock)",
  loading: "LOADING: an import is under way, or was cut off (tinycloud spaces delete removes it)",
  erasing: "ERASING: its deletion is under way, or was cut off (tinycloud spaces delete goes on)",
} as const;
