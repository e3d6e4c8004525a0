// `tinycloud spaces export`: a space as one file (docs/spaces.md).

import { dirname, resolve } from "node:path";
import { createFile, findInfo, removeFile, syncPath, writeAll } from "../../blocks/folders.ts";
import { holdCollector } from "../../blocks/hold.ts";
import { NodeError } from "../../errors.ts";
import { packArchive } from "../../spaces/archive.ts";
import { exportSpace as partsOf } from "../../spaces/export_space.ts";
import { systemClock } from "../../telemetry/clock.ts";
import { type Command, CONFIG_HELP, CONFIG_OPTIONS, configure, counted } from "../command.ts";
import { progress } from "../progress.ts";
import { openBlocks, openToWrite } from "../stores.ts";
import { hostedSpace, sizeOf, spaceNamed } from "./space.ts";

export const exportSpace: Command = {
  name: "spaces export",
  summary: "write a space to a file",
  help: `usage: tinycloud spaces export ID FILE [options]

Writes a tar file with all keys, values and headers of the space and the signed bytes of everything
that was accepted for it (docs/spaces.md says how). tinycloud spaces import takes it on any node,
whatever its database, blocks and secret. Whoever reads the file reads all values.

Safe beside a running node; when the space is changed meanwhile there is no file, and one should try
again, or block it first. The node collects no deleted blocks meanwhile.

${CONFIG_HELP}
  --json          what was written, as one JSON object

example:
  tinycloud spaces export tinycloud:pkh:eip155:1:0x7099…79C8:default space.tar`,
  options: { ...CONFIG_OPTIONS, json: { type: "boolean" } },
  words: 2,
  wants: "which space, and which file",

  async run(flags, [word = "", name = ""], io) {
    const space = spaceNamed(word);
    if (name === "") throw new NodeError("inputs_invalid", "which file?");
    const file = resolve(io.cwd, name);
    const { config } = await configure(flags, io);
    await using repository = await openToWrite(config);
    await using blocks = await openBlocks(config);
    const { keys, usedBytes } = await hostedSpace(repository, space);
    if (await findInfo(file) !== undefined) {
      throw new NodeError("inputs_invalid", `${file} is there already`);
    }
    await using _hold = await holdCollector({
      repository,
      clock: systemClock,
      holder: `export ${crypto.randomUUID()}`,
      waiting: () => io.complain("waiting for the collection under way to end"),
    });
    const partial = `${file}.partial`;
    await removeFile(partial);
    try {
      using bar = progress(io, "exported", keys);
      const parts = partsOf({
        repository,
        blocks,
        clock: systemClock,
        space,
        progress: bar.advance,
      });
      using target = await createFile(partial);
      // `pipeTo` with `preventClose` ends before its last writes do (Deno 2.9.6).
      for await (const chunk of packArchive(parts)) await writeAll(target, chunk);
      await target.sync();
      await Deno.rename(partial, file);
      await syncPath(dirname(file));
    } catch (error) {
      await removeFile(partial);
      throw error;
    }
    io.print(
      flags.json === true
        ? JSON.stringify({ exported: { space, file, keys, bytes: usedBytes } })
        : `${space} is in ${file}: ${counted(keys, "key")}, ${sizeOf(usedBytes)}`,
    );
    return 0;
  },
};
