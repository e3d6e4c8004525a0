// How a mistake in the configuration is told: what was found, what is allowed, and never a secret.

/** A value that an option does not accept. Read as `{option} {found}; it must be {allowed}`. */
export class Refusal {
  constructor(readonly found: string, readonly allowed: string) {}

  /** The sentence without the option's name. */
  get sentence(): string {
    return `${this.found}; it must be ${this.allowed}`;
  }
}

/** The refusal that shows the value; only for options that never hold a secret. */
export function mustBe(allowed: string, raw: unknown): Refusal {
  return new Refusal(`is ${quote(raw)}`, allowed);
}

/** Every mistake that was found, one a line: the start stops with exit code 78. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";

  constructor(readonly problems: readonly string[], readonly warnings: readonly string[] = []) {
    super(problems.join("\n"));
  }
}

const MAX_QUOTED_CHARACTERS = 80;

/** A value for one line of a message: short, and free of characters that steer a terminal. */
export function quote(raw: unknown): string {
  // JSON turns nan and inf, which TOML knows, into null.
  const text = typeof raw === "number" ? String(raw) : JSON.stringify(raw);
  const short = text.length > MAX_QUOTED_CHARACTERS
    ? `${text.slice(0, MAX_QUOTED_CHARACTERS)}…`
    : text;
  return short.replace(/\p{C}/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
