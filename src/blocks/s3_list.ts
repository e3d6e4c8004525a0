// The names in a bucket, a page at a time, in the order of their bytes. Each page is asked for by the
// last name of the one before, and must go on from there: so neither a page that comes twice nor one
// that says "more" and brings nothing can keep us for ever.

import { Buffer } from "node:buffer";

export interface ListedObject {
  readonly key: string;
  readonly size: number;
  /** Unix seconds. */
  readonly modifiedAt: number;
}

export interface Page {
  readonly objects: readonly ListedObject[];
  readonly isLast: boolean;
}

/** Everything that `list` has beyond `after`. Throws what it throws, and an Error for a false page. */
export async function* listed(
  list: (after: string) => Promise<Page>,
  after: string,
): AsyncGenerator<ListedObject, void, undefined> {
  let last = after;
  while (true) {
    const { objects, isLast } = await list(last);
    for (const object of objects) {
      if (Buffer.compare(Buffer.from(object.key), Buffer.from(last)) <= 0) {
        throw new Error("A list of S3 does not go on in order");
      }
      last = object.key;
      yield object;
    }
    if (isLast) return;
    if (objects.length === 0) throw new Error("A list of S3 says that there is more, and ends");
  }
}
