// A failed fsync: the change is refused and must not come back, and the descriptor is not trusted
// again (adversary.md, 3).

import assert from "node:assert/strict";

const PROGRAM = new URL("sqlite_sync.program.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** Every sync fails while the file named by FAIL_SYNC exists. */
const LIBRARY = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
static int sync_by(const char *name, int fd) {
  if (access(getenv("FAIL_SYNC"), F_OK) == 0) { errno = EIO; return -1; }
  return ((int (*)(int)) dlsym(RTLD_NEXT, name))(fd);
}
int fsync(int fd) { return sync_by("fsync", fd); }
int fdatasync(int fd) { return sync_by("fdatasync", fd); }
`;

const canCompile = Deno.env.get("CI") !== undefined ||
  await new Deno.Command("cc", { args: ["--version"] }).output().then(
    ({ success }) => success,
    () => false,
  );

Deno.test({
  name: "a commit that cannot be synced is refused for good, and no write is taken until a restart",
  ignore: !canCompile || Deno.build.os !== "linux",
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const [source, library] = [`${folder}/sync.c`, `${folder}/sync.so`];
      await Deno.writeTextFile(source, LIBRARY);
      const compile = ["-shared", "-fPIC", "-o", library, source, "-ldl"];
      assert.ok((await new Deno.Command("cc", { args: compile }).output()).success);
      const failing = `${folder}/failing`;

      const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "-A",
          "--no-lock",
          "--no-check",
          "--config",
          CONFIG,
          PROGRAM,
          folder,
          failing,
        ],
        env: { LD_PRELOAD: library, FAIL_SYNC: failing },
      }).output();

      assert.ok(success, new TextDecoder().decode(stderr));
      assert.deepEqual(JSON.parse(new TextDecoder().decode(stdout)), {
        during: "storage_unavailable",
        after: "storage_unavailable",
        keys: ["before"],
        keysAfterKill: ["before"],
        afterStart: "applied",
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
