// What places blocks in an S3 bucket: the bucket's name, its region, and the prefix of every
// object's name. All three go into URLs, so only what is plain there is taken.

import type { Kind } from "./kinds.ts";
import { mustBe } from "./refusal.ts";

/** A bucket's name, as Amazon and others allow it; no ARN. */
export const bucketName: Kind<string> = (raw) =>
  typeof raw === "string" && /^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/.test(raw) &&
    !raw.includes("..")
    ? raw
    : mustBe("a bucket's name of 3 to 63 letters, digits, dots and hyphens", raw);

/** A region's name, such as `eu-north-1`. */
export const regionName: Kind<string> = (raw) =>
  typeof raw === "string" && /^[A-Za-z0-9-]{1,63}$/.test(raw)
    ? raw
    : mustBe(`a region's name such as "eu-north-1"`, raw);

// An object's name has 1,024 bytes at most, of which a block's own part takes 130.
const MAX_PREFIX_CHARACTERS = 512;
// The characters that Amazon calls safe in names, and that mean themselves in every URL.
const PART = /^[A-Za-z0-9!_.*'()-]+$/;

/** Parts joined by slashes; one slash at either end is taken away. */
export const objectPrefix: Kind<string> = (raw) => {
  const prefix = typeof raw === "string" ? raw.replace(/^\//, "").replace(/\/$/, "") : "";
  const isPlain = prefix.length <= MAX_PREFIX_CHARACTERS &&
    prefix.split("/").every((part) => PART.test(part) && part !== "." && part !== "..");
  return isPlain ? prefix : mustBe(
    `a prefix such as "tinycloud/blocks", of 1 to ${MAX_PREFIX_CHARACTERS} letters, digits, ` +
      `slashes and !-_.*'(), without empty parts, "." and ".."`,
    raw,
  );
};
