// Uploads to a node in another process that have begun and not ended.

import { eventually } from "../support/eventually.ts";
import { walk } from "../support/files.ts";
import type { NodeProcess } from "../support/process.ts";
import { RawConnection } from "../support/raw_http.ts";

/** For nodes whose uploads wait in files, so that it shows when one has begun. */
export const STAGED_IN_FILES = { TINYCLOUD_STORAGE_STAGING: "FileSystem" };

/** A put that declares `size` bytes. */
export async function openUpload(
  node: NodeProcess,
  token: string,
  size: number,
): Promise<RawConnection> {
  const connection = await RawConnection.open(node);
  await connection.head("POST /invoke HTTP/1.1", [
    `Authorization: ${token}`,
    `Content-Length: ${size}`,
  ]);
  return connection;
}

/** A put of these bytes of which half are sent, and some of them are on the disk. */
export async function halfAnUpload(
  node: NodeProcess,
  token: string,
  body: Uint8Array,
): Promise<RawConnection> {
  const connection = await openUpload(node, token, body.length);
  await connection.write(body.subarray(0, body.length / 2));
  await uploadBegun(node);
  return connection;
}

/** Resolves when the disk holds bytes of an upload; the node stages in files. */
export async function uploadBegun({ folder }: NodeProcess): Promise<void> {
  await eventually("an upload has begun", async () => {
    const sizes = [...(await uploadsIn(folder)).values()];
    return sizes.some((size) => size > 0) || undefined;
  });
}

/** Resolves when no bytes of uploads are left. */
export async function uploadsGone({ folder }: { readonly folder: string }): Promise<void> {
  await eventually(
    "uploads are gone",
    async () => (await uploadsIn(folder)).size === 0 || undefined,
  );
}

async function uploadsIn(folder: string): Promise<Map<string, number>> {
  const files = [...await walk(`${folder}/staging`)];
  return new Map(files.filter(([name]) => !name.endsWith(".lock")));
}
