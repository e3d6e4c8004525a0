// Which migrations a database lacks (configuration.md, start-up): each is recorded with the hash of its
// text, so that a changed or unknown one is noticed and nothing is touched.

import { blake3Hex } from "../blake3.ts";
import { NodeError } from "../errors.ts";

export interface Migration {
  /** `NNNN_name.sql` */
  readonly name: string;
  readonly sql: string;
}

/** BLAKE3 of its text, hex. */
export function hashOf({ sql }: Migration): string {
  return blake3Hex(new TextEncoder().encode(sql));
}

/** Those that follow the applied ones. Throws `storage_unavailable` when these are not ours. */
export function missing(
  applied: readonly { readonly name: string; readonly hash: string }[],
  migrations: readonly Migration[],
): readonly Migration[] {
  applied.forEach(({ name, hash }, index) => {
    const known = migrations[index];
    if (known?.name !== name) {
      throw refusal(
        `The database was made by another version of this program (${name}); ` +
          "use that version or a newer one. Nothing was changed.",
      );
    }
    if (hashOf(known) !== hash) {
      throw refusal(
        `The migration ${name} differs from the one that was applied to the database. ` +
          "Nothing was changed.",
      );
    }
  });
  return migrations.slice(applied.length);
}

/** The refusal of a database that something else has made. */
export function foreign(): NodeError {
  return refusal("The database holds tables of another program; nothing was changed.");
}

/** The refusal to use a database that lacks a migration. */
export function lacking(database: string, { name }: Migration): NodeError {
  return refusal(`${database} lacks the migration ${name}: run \`tinycloud migrate\` first.`);
}

function refusal(sentence: string): NodeError {
  return new NodeError("storage_unavailable", sentence);
}
