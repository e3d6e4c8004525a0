// What lies in a folder.

/** The files below `folder` by their path from it, with their sizes. */
export async function walk(folder: string, prefix = ""): Promise<Map<string, number>> {
  const files = new Map<string, number>();
  for await (const entry of Deno.readDir(`${folder}/${prefix}`)) {
    const name = prefix + entry.name;
    if (entry.isDirectory) {
      for (const [path, size] of await walk(folder, `${name}/`)) files.set(path, size);
    } else {
      const size = await sizeOf(`${folder}/${name}`);
      if (size !== undefined) files.set(name, size);
    }
  }
  return files;
}

/** Undefined for a file that went away in between. */
async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await Deno.stat(path)).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
