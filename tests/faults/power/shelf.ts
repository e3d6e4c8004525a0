// A folder in which what survived a power cut is laid out, one state after the other; only what
// differs is written.

import { type Mounted, mountTmpfs } from "../../support/mounts.ts";
import type { Survivor, Survivors } from "./disk.ts";

export interface Shelf extends AsyncDisposable {
  readonly path: string;
  /** Makes the folder hold just that. */
  lay(survivors: Survivors): void;
  /** Whether these very bytes were asked for before, under this path; who asks first has to look. */
  isProven(path: string): boolean;
}

/** Files that whoever looks at the state changes: laid out anew each time. */
const CHANGED = /caps\.db/;
/** The memory that connections share: SQLite makes it anew after a crash. */
const SHARED = /-shm$/;
const MEMORY_BYTES = 512 * 1024 * 1024;

/** In memory, where this machine lets us: nothing here is to last, and syncs take time. */
export async function makeShelf(): Promise<Shelf> {
  const { path, [Symbol.asyncDispose]: dispose } = await mountTmpfs(MEMORY_BYTES).catch(temporary);
  const laid = new Map<string, Survivor>();
  /** By file: its state when it was looked at. */
  const proven = new WeakMap<object, string>();

  function write(name: string, survivor: Survivor): void {
    const before = laid.get(name);
    const isSame = before?.token === survivor.token && before.version === survivor.version;
    if (isSame && !CHANGED.test(name)) return;
    Deno.writeFileSync(`${path}/${name}`, survivor.bytes(), { mode: 0o600 });
    laid.set(name, survivor);
  }

  /** What is not to be there: it has not survived, or the last look at the state has made it. */
  function clear({ files, folders }: Survivors, folder = ""): void {
    for (const { name, isDirectory } of Deno.readDirSync(`${path}/${folder}`)) {
      const each = folder + name;
      if (isDirectory ? folders.has(each) : files.has(each) && !SHARED.test(name)) {
        if (isDirectory) clear({ files, folders }, `${each}/`);
        continue;
      }
      Deno.removeSync(`${path}/${each}`, { recursive: true });
      laid.delete(each);
    }
  }

  return {
    path,
    lay(survivors) {
      clear(survivors);
      for (const name of laid.keys()) if (!survivors.files.has(name)) laid.delete(name);
      // The folders come from the top down.
      for (const folder of survivors.folders) {
        Deno.mkdirSync(`${path}/${folder}`, { recursive: true });
      }
      for (const [name, survivor] of survivors.files) {
        if (!SHARED.test(name)) write(name, survivor);
      }
    },
    isProven(file) {
      const name = file.slice(path.length + 1);
      const survivor = laid.get(name);
      if (survivor === undefined) return false;
      const state = `${survivor.version} ${name}`;
      const isKnown = proven.get(survivor.token) === state;
      proven.set(survivor.token, state);
      return isKnown;
    },
    [Symbol.asyncDispose]: dispose,
  };
}

async function temporary(): Promise<Mounted> {
  const path = await Deno.realPath(await Deno.makeTempDir());
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
