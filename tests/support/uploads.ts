// Uploads that have begun and not ended, and what of them is on the disk.

import { walk } from "./files.ts";
import { withinTime } from "./raw_http.ts";
import { RawConnection } from "./raw_http.ts";
import type { TestNode } from "./node.ts";

/** For nodes whose uploads wait in files, so that a test can see that one has begun. */
export const STAGED_IN_FILES = { TINYCLOUD_STORAGE_STAGING: "FileSystem" };

/**
 * A put of `size` bytes, of which half have been sent; the node, started with STAGED_IN_FILES, has
 * judged the token and has begun to store.
 */
export async function halfAnUpload(
  node: TestNode,
  token: string,
  body: Uint8Array,
  headers: readonly string[] = [],
): Promise<RawConnection> {
  const watcher = Deno.watchFs(node.folder, { recursive: true });
  const before = new Set((await walk(node.folder)).keys());
  const connection = await RawConnection.open(node);
  await connection.head("POST /invoke HTTP/1.1", [
    `Authorization: ${token}`,
    `Content-Length: ${body.length}`,
    ...headers,
  ]);
  await connection.write(body.subarray(0, body.length / 2));
  await withinTime(begun(watcher, before, node), "no upload has begun");
  return connection;
}

async function begun(
  watcher: Deno.FsWatcher,
  before: ReadonlySet<string>,
  node: TestNode,
): Promise<void> {
  for await (const _event of watcher) {
    const files = await walk(node.folder);
    // A file of the upload itself: the database's own files come and go beside it.
    if (
      [...files].some(([name, size]) => !before.has(name) && !name.includes("caps.db") && size > 0)
    ) {
      return;
    }
  }
}
