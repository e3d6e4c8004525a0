// `tinycloud spaces`: what an operator does with single spaces.

import type { CommandGroup } from "../command.ts";
import { blockSpace, unblockSpace } from "./block.ts";
import { deleteSpace } from "./delete.ts";
import { exportSpace } from "./export.ts";
import { importSpace } from "./import.ts";
import { limitSpace } from "./limit.ts";
import { listSpaces, showSpace } from "./list.ts";

export const spaces: CommandGroup = {
  name: "spaces",
  summary: "list, export, import, limit, block or delete single spaces",
  help: `usage: tinycloud spaces COMMAND [options]

What an operator does with single spaces, safe beside a running node.`,
  commands: [
    listSpaces,
    showSpace,
    exportSpace,
    importSpace,
    limitSpace,
    blockSpace,
    unblockSpace,
    deleteSpace,
  ],
};
