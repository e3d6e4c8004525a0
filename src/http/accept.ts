// Which of two representations a client takes (RFC 9110 §12.5.1).

import { MAX_ACCEPT } from "../limits.ts";

/** A media range and how welcome it is, 0 to 1. */
interface Range {
  readonly type: string;
  readonly quality: number;
}

/** Quoted values may hold the commas and semicolons that separate. */
const QUOTED = /"(?:[^"\\]|\\.)*"/g;
const QUALITY = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/**
 * Whether HTML is more welcome than JSON. A browser that opens a page names `text/html`; whoever likes
 * both alike, or does not say, is a program. So is a header that is too long.
 */
export function prefersHtml(accept: string | null): boolean {
  if (accept === null || accept.length > MAX_ACCEPT) return false;
  const ranges = rangesOf(accept);
  return qualityOf("text/html", ranges) > qualityOf("application/json", ranges);
}

/** Parameters other than `q` are left aside: there is one representation of each type. */
function rangesOf(accept: string): Range[] {
  return accept.toLowerCase().replaceAll(QUOTED, "").split(",").flatMap((part) => {
    const [type = "", ...parameters] = part.split(";").map((each) => each.trim());
    const weight = parameters.find((each) => each.startsWith("q="));
    const quality = weight === undefined ? 1 : Number(QUALITY.exec(weight)?.[1]);
    // A range whose weight can't be read says nothing.
    return Number.isNaN(quality) ? [] : [{ type, quality }];
  });
}

/** By the most specific range that names the type; 0 when none does. */
function qualityOf(type: string, ranges: readonly Range[]): number {
  for (const name of [type, type.replace(/\/.*/, "/*"), "*/*"]) {
    const found = ranges.filter((range) => range.type === name);
    if (found.length > 0) return Math.max(...found.map(({ quality }) => quality));
  }
  return 0;
}
