// How long a node takes to its first answer, and what it holds while idle: medians of five starts.

import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { measured, median, mib } from "../support/measured.ts";
import { startTinycloud, storageIn } from "../support/process.ts";

const RUNS = 5;

Deno.test("a start to the first answer, and idle memory", async () => {
  const times: number[] = [];
  const sizes: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const folder = await Deno.makeTempDir({ prefix: "tinycloud-start-" });
    try {
      const { ms, rss } = await firstAnswer(folder);
      times.push(ms);
      sizes.push(rss);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }

  measured(`start to first answer ${median(times).toFixed(0)} ms, idle ${mib(median(sizes))}`);
});

/** As a supervisor sees it: it knows the port, and asks until somebody answers. */
async function firstAnswer(folder: string): Promise<{ ms: number; rss: number }> {
  const port = freePort();
  const begun = performance.now();
  await using node = startTinycloud(["serve"], {
    env: { ...storageIn(folder), TINYCLOUD_PORT: String(port) },
    cwd: folder,
  });
  const status = await eventually("an answer", async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/info`).catch(() => undefined);
    await answer?.body?.cancel();
    return answer?.status;
  });
  const ms = performance.now() - begun;
  assert.equal(status, 200);
  return { ms, rss: await node.rss() };
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
