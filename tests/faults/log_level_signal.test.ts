// The log's level is changed while the node runs, by SIGUSR2 (serve.ts), and its form suits systemd's
// journal (journal.ts).

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ask } from "../support/asking.ts";
import { eventually } from "../support/eventually.ts";
import { readLines } from "../support/lines.ts";
import { startProcess, startTinycloud, stopped, storageIn } from "../support/process.ts";
import { withinTime } from "../support/raw_http.ts";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));

Deno.test("SIGUSR2 has a running node log everything, and the next one as before", async () => {
  await using node = await startProcess();
  await ask(node, "/first", { method: "GET" });

  node.kill("SIGUSR2");
  const up = JSON.parse(await node.line("to debug"));
  await ask(node, "/second", { method: "GET" });
  await node.line('"request.refused"');
  node.kill("SIGUSR2");
  const down = JSON.parse(await node.line("to normal"));
  await ask(node, "/third", { method: "GET" });
  assert.equal(await stopped(node), 0);

  assert.deepEqual([up.level, up.event], ["info", "log.switched"]);
  assert.match(up.note, /^to debug; SIGUSR2 brings normal back$/);
  assert.match(down.note, /^to normal; SIGUSR2 brings debug back$/);
  const events = node.lines.map((line) => JSON.parse(line).event);
  assert.equal(events.filter((event) => event === "request.refused").length, 1);
  assert.equal(events.filter((event) => event === "request").length, 3);
  assert.deepEqual(node.complaints, [], "no debugger is opened");
});

Deno.test("a node that logs errors alone tells of the switch while it logs more", async () => {
  await using node = startTinycloud(["serve"], {
    env: { ...storageIn(await Deno.makeTempDir()), TINYCLOUD_LOG_LEVEL: "critical" },
  });
  // It says nothing of its start; the signal would end a process that does not listen to it yet.
  await eventually("it listens to the signal", () => caught(node.pid), 30_000);

  node.kill("SIGUSR2");
  await node.line("to debug");
  node.kill("SIGUSR2");

  assert.match(await node.line("to critical"), /"event":"log\.switched"/);
});

for (
  const [format, started] of [
    ["Text", /^<6>node\.started address=/],
    ["Json", /^<6>\{"time":"[^"]+","level":"info","event":"node\.started"/],
  ] as const
) {
  Deno.test(`in the journal a line in ${format} form has its priority in front`, async () => {
    const folder = await Deno.makeTempDir();
    // The journal's end is named by its device and inode; here, the pipe that this test reads.
    const script = "exec 3>&1; JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/3) exec " +
      '"$0" run --no-prompt --allow-net --allow-env --allow-read --allow-write "$1" serve';
    const child = new Deno.Command("sh", {
      args: ["-c", script, Deno.execPath(), MAIN],
      env: { ...storageIn(folder), TINYCLOUD_LOG_FORMAT: format, NO_COLOR: "1" },
      stdout: "piped",
    }).spawn();
    const output = readLines(child.stdout);

    const line = await withinTime(output.find("node.started"), "it did not start", 30_000);
    const warning = await output.find("config.warning");

    child.kill("SIGTERM");
    await Promise.all([child.status, output.ended]);
    assert.match(line ?? "", started);
    assert.match(warning ?? "", /^<4>/);
    await Deno.remove(folder, { recursive: true });
  });
}

Deno.test("JOURNAL_STREAM of another output changes nothing", async () => {
  await using node = await startProcess({ env: { JOURNAL_STREAM: "8:12345" } });

  assert.ok(node.lines.every((line) => line.startsWith("{")));
});

/** Whether a process listens to SIGUSR2, from its mask of caught signals. */
async function caught(pid: number): Promise<true | undefined> {
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/status`] }).output();
  const mask = /^SigCgt:\s*([0-9a-f]+)/m.exec(new TextDecoder().decode(stdout))?.[1] ?? "0";
  const SIGUSR2 = 12n;
  return (BigInt(`0x${mask}`) >> (SIGUSR2 - 1n)) & 1n ? true : undefined;
}
