// The configuration: defaults, then what the environment says to all, then the file, then the
// environment, then the flags, later ones winning. All mistakes in all sources are found before any is told.

import { isDeepStrictEqual } from "node:util";
import { amazonCredentials, amazonRegion } from "./amazon.ts";
import { type Config, toConfig } from "./config.ts";
import { TABLE, type Values } from "./options.ts";
import { ConfigError, quote, Refusal } from "./refusal.ts";
import {
  type ConfigFile,
  type Findings,
  fromEnvironment,
  fromFile,
  fromFlags,
  type Setting,
} from "./sources.ts";

export interface ConfigInput extends ConfigFile {
  /** Relative paths count from here. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly flags: { readonly address?: string | undefined; readonly port?: string | undefined };
}

export interface LoadedConfig {
  readonly config: Config;
  /** For each option: `default`, `{file}:{line}`, a variable's name or a flag. */
  readonly sources: ReadonlyMap<string, string>;
  /** For each option: its value as the file would hold it, secrets hidden. */
  readonly shown: ReadonlyMap<string, unknown>;
  readonly warnings: readonly string[];
}

/** The configuration that all sources amount to. Throws ConfigError with every mistake in them. */
export async function loadConfig(input: ConfigInput): Promise<LoadedConfig> {
  const findings: Findings = { problems: [], warnings: [] };
  const chosen = choose([
    amazonRegion(input.env),
    await fromFile(input, findings),
    fromEnvironment(input.env, findings),
    fromFlags(input.flags),
  ], findings);

  const sources = new Map<string, string>();
  const shown = new Map<string, unknown>();
  const raws: Record<string, unknown> = {};
  const read: Record<string, unknown> = {};
  for (const [name, option] of TABLE) {
    const standard = typeof option.default === "function" ? option.default(raws) : option.default;
    const usual = option.read(standard);
    const { raw, value, source } = chosen.get(name) ??
      { raw: standard, value: usual, source: "default" };
    raws[name] = raw;
    read[name] = value;
    sources.set(name, source);
    // A variable's text is shown as what it says: 8000, not "8000".
    shown.set(name, option.show?.(value) ?? (String(value) === raw ? value : raw));

    if (option.notYet === undefined || isDeepStrictEqual(value, usual)) continue;
    const sentence = `${source}: ${name} = ${quote(raw)} is not in this version yet`;
    findings.problems.push(`${sentence}; it must be ${quote(standard)}`);
  }

  // The table was walked from end to end, and each value read by its own kind.
  const values = read as Values;
  checkTogether(values, sources, findings);
  const credentials = amazonCredentials(input.env);
  checkS3(values, sources, credentials, findings);
  if (findings.problems.length > 0) throw new ConfigError(findings.problems, findings.warnings);
  const config = toConfig(values, {
    cwd: input.cwd,
    portIsDefault: !chosen.has("prometheus.port"),
    credentials: typeof credentials === "string" ? undefined : credentials,
  });
  return { config, sources, shown, warnings: findings.warnings };
}

interface Chosen {
  readonly raw: unknown;
  readonly value: unknown;
  readonly source: string;
}

/** The last good value of each option that is set; what is wrong with the others is found. */
function choose(layers: readonly Setting[][], { problems }: Findings): Map<string, Chosen> {
  const chosen = new Map<string, Chosen>();
  for (const layer of layers) {
    const setBy = new Map<string, string>();
    for (const { name, raw, source } of layer) {
      const earlier = setBy.get(name);
      if (earlier !== undefined) problems.push(`${source}: ${name} is set by ${earlier} already`);
      setBy.set(name, source);

      const value = TABLE.get(name)?.read(raw);
      if (value instanceof Refusal) problems.push(`${source}: ${name} ${value.sentence}`);
      else chosen.set(name, { raw, value, source });
    }
  }
  return chosen;
}

/** What one option alone cannot tell. */
function checkTogether(
  values: Values,
  sources: ReadonlyMap<string, string>,
  { problems, warnings }: Findings,
): void {
  const { kind } = values["storage.database"];
  const source = sources.get("storage.database");
  if (kind === "memory") {
    warnings.push(`${source}: storage.database is in memory, so nothing outlives the process`);
  }

  if (values["keys.secret"] !== undefined && values["keys.secret_file"] !== undefined) {
    const [one, other] = [sources.get("keys.secret"), sources.get("keys.secret_file")];
    problems.push(`${other}: keys.secret_file and keys.secret (${one}) are both set; keep one`);
  }
}

/** One request puts no more to S3, and a value is put by one. */
const MAX_S3_OBJECT = 5 * 1024 ** 3;
const S3_ONLY = [
  "storage.blocks.bucket",
  "storage.blocks.endpoint",
  "storage.blocks.prefix",
] as const;

/** What S3 needs, and what without it has no effect. */
function checkS3(
  values: Values,
  sources: ReadonlyMap<string, string>,
  credentials: ReturnType<typeof amazonCredentials>,
  { problems, warnings }: Findings,
): void {
  const source = sources.get("storage.blocks.type");
  if (values["storage.blocks.type"] === "Local") {
    for (const name of S3_ONLY) {
      if (values[name] === undefined) continue;
      warnings.push(`${sources.get(name)}: ${name} has no effect: storage.blocks.type is Local`);
    }
    return;
  }
  if (values["storage.blocks.bucket"] === undefined) {
    problems.push(`${source}: storage.blocks.type S3 needs storage.blocks.bucket`);
  }
  const isAmazon = values["storage.blocks.endpoint"] === undefined;
  if (isAmazon && values["storage.blocks.region"] === undefined) {
    problems.push(`${source}: storage.blocks.type S3 needs storage.blocks.region, or AWS_REGION`);
  }
  if (typeof credentials === "string") problems.push(credentials);
  if (values["storage.max_object"] > MAX_S3_OBJECT) {
    const source = sources.get("storage.max_object");
    problems.push(`${source}: storage.max_object is more than the 5 GiB that S3 takes at once`);
  }
}
