import assert from "node:assert/strict";

Deno.test("adversary 6: a node whose log pipe is closed still serves", async () => {
  const program = new URL("./closed_pipe_node.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    // What the node is allowed to do: no --allow-sys, no --allow-run.
    args: ["run", "--no-config", "--no-lock", "--no-prompt", "--allow-net=127.0.0.1", program],
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value: first = "" } = await lines.read();
  const { count: port } = JSON.parse(first);

  await lines.cancel(); // closes the pipe: every later write fails with EPIPE
  const answers: string[] = [];
  for (let i = 0; i < 5; i++) {
    answers.push(await (await fetch(`http://127.0.0.1:${port}/`)).text());
  }
  child.kill("SIGKILL");
  const errors = await new Response(child.stderr).text();
  await child.status;

  assert.deepEqual(answers, Array(5).fill("served"));
  assert.equal(errors, "");
});
