// The moment that everything in a build bears, so that the same source gives the same bytes.

import { ROOT } from "./bundle.ts";

/** SOURCE_DATE_EPOCH, else the time of the last commit: seconds since 1970. */
export async function buildTime(): Promise<number> {
  const given = Deno.env.get("SOURCE_DATE_EPOCH");
  const text = given ?? await commitTime();
  if (!/^\d{1,11}$/.test(text)) throw new Error(`SOURCE_DATE_EPOCH ${text} is no time in seconds`);
  return Number(text);
}

async function commitTime(): Promise<string> {
  const { success, stdout } = await new Deno.Command("git", {
    args: ["log", "-1", "--format=%ct"],
    cwd: ROOT,
    stderr: "null",
  }).output();
  if (!success) throw new Error("there is no git history here: set SOURCE_DATE_EPOCH");
  return new TextDecoder().decode(stdout).trim();
}
