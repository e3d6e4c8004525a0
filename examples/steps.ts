// deno-lint-ignore-file no-console -- what the programs beside this print for people
/** How the programs of this folder tell what they do. */
import { TinyCloudError } from "../client/mod.ts";

/** Where the node is: the first argument, TINYCLOUD_URL, or a node on this machine. */
export const url: string = Deno.args[0] ?? Deno.env.get("TINYCLOUD_URL") ??
  "http://127.0.0.1:8000";

/** Runs the program; exits with 1 and one sentence when a step goes wrong. */
export async function run(program: () => Promise<void>): Promise<void> {
  try {
    await program();
  } catch (error) {
    console.error(`✗ ${error instanceof Error ? error.message : String(error)}`);
    Deno.exit(1);
  }
}

export function done(what: string): void {
  console.log(`✓ ${what}`);
}

export function expect(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(`Not as expected: ${otherwise}`);
}

/** The sentence with which the node refuses. Throws if it does not, or for another reason. */
export async function refusal(action: Promise<unknown>, code: string): Promise<string> {
  const outcome = await action.then(() => undefined, (error: unknown) => error);
  if (outcome === undefined) throw new Error(`The node allowed what it should refuse as ${code}`);
  if (!(outcome instanceof TinyCloudError) || outcome.code !== code) throw outcome;
  return outcome.message;
}
