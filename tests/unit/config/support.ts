// Loads configurations from texts, without files.

import assert from "node:assert/strict";
import { loadConfig, type LoadedConfig } from "../../../src/config/load.ts";
import { ConfigError } from "../../../src/config/refusal.ts";

export interface Given {
  /** The text of /srv/tinycloud.toml; without it there is no such file. */
  readonly toml?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly flags?: { readonly address?: string; readonly port?: string };
}

export const CWD = "/srv";

export function load({ toml, env = {}, flags = {} }: Given = {}): Promise<LoadedConfig> {
  const readTextFile = (path: string) =>
    path === `${CWD}/tinycloud.toml` && toml !== undefined
      ? Promise.resolve(toml)
      : Promise.reject(new Deno.errors.NotFound(path));
  return loadConfig({ cwd: CWD, env, flags, readTextFile });
}

/** The ConfigError that a promise must end in. */
export async function configErrorOf(promise: Promise<unknown>): Promise<ConfigError> {
  const outcome = await promise.then(() => undefined, (error) => error);
  assert(outcome instanceof ConfigError, `expected a ConfigError, got ${outcome}`);
  return outcome;
}

/** What is wrong with a configuration. */
export async function problemsOf(given: Given): Promise<readonly string[]> {
  return (await configErrorOf(load(given))).problems;
}
