// A disk that loses its power: what was synced is there, what was not may be there or not, a sector
// at a time; a name is there once its folder was synced. This is less than any real file system
// promises, so what survives here survives there.

import assert from "node:assert/strict";
import { basename, dirname } from "node:path";
import { seeded } from "../../support/random.ts";
import type { Step } from "./recording.ts";

/** What is left of the unsynced part; each is asked again and again, in a fixed order. */
export interface Fate {
  /** Which version of a name is there, by the steps that made them: the first is the synced one. */
  name(made: readonly number[]): number;
  /**
   * Up to how many of the unsynced changes to a file this sector has seen; `place` is 0 for the first
   * sector that one of them reaches, nearly 1 for the last.
   */
  sector(changes: number, place: number): number;
  /** Up to how many of them the file's size has. */
  size(changes: number): number;
  readonly sectorBytes: number;
}

/** Nothing survives that was not synced. */
export const STRICT: Fate = { name: () => 0, sector: () => 0, size: () => 0, sectorBytes: 4096 };

/** Everything survives: the process was killed, the machine was not. */
export const KILLED: Fate = {
  name: (made) => made.length - 1,
  sector: (changes) => changes,
  size: (changes) => changes,
  sectorBytes: 4096,
};

/** What a journal of names alone would keep: every name, and no bytes that were not synced. */
export const NAMES: Fate = { ...STRICT, name: KILLED.name };

/** The rear of what was written, but not its front: as if it had been written backwards. */
export const REAR: Fate = { ...KILLED, sector: (changes, place) => place < 0.5 ? 0 : changes };

/**
 * Chance: sectors of 512 or 4096 bytes, of few or many of the unsynced changes; names each for
 * itself, or all in the order of the changes, as a journal keeps them.
 */
export function drawn(seed: number, steps: number): Fate {
  const random = seeded(seed);
  const journalled = random.below(2) === 0 ? steps - random.below(JOURNAL_STEPS) : undefined;
  // Of eight sectors, as many have seen nothing, or everything.
  const [none, all] = [random.below(8), random.below(8)];
  function among(count: number): number {
    const draw = random.below(8);
    return draw < none ? 0 : draw >= 8 - all ? count : random.below(count + 1);
  }
  return {
    name: (made) =>
      journalled === undefined
        ? among(made.length - 1)
        : made.findLastIndex((step, index) => index === 0 || step < journalled),
    sector: among,
    size: among,
    sectorBytes: random.below(2) === 0 ? 512 : 4096,
  };
}

/** As far back as a journal may be behind. */
const JOURNAL_STEPS = 100;

type Change = { readonly at: number; readonly bytes: Uint8Array } | { readonly size: number };

/** Of a disk. */
export class File {
  /** Of the synced bytes, with room to grow. */
  #buffer = new Uint8Array();
  #size = 0;
  /** Another number for other synced bytes. */
  version = 0;
  #changes: Change[] = [];
  isCopied = false;

  get hasChanges(): boolean {
    return this.#changes.length > 0;
  }

  /** Whether all unsynced changes lie in the first so many bytes. */
  changesOnly(bytes: number): boolean {
    return this.hasChanges &&
      this.#changes.every((change) => "at" in change && change.at + change.bytes.length <= bytes);
  }

  change(change: Change): void {
    this.#changes.push(change);
  }

  sync(): void {
    if (!this.hasChanges) return;
    for (const change of this.#changes) {
      if ("at" in change) {
        const end = change.at + change.bytes.length;
        this.#grow(Math.max(end, this.#size));
        this.#buffer.set(change.bytes, change.at);
      } else {
        this.#buffer.fill(0, Math.min(change.size, this.#size));
        this.#grow(change.size);
        this.#size = change.size;
      }
    }
    this.#changes = [];
    this.version++;
  }

  /** What is left of it. */
  survive(fate: Fate): Uint8Array {
    const changes = this.#changes;
    const size = sizeAfter(changes, fate.size(changes.length), this.#size);
    const bytes = new Uint8Array(size);
    bytes.set(this.#buffer.subarray(0, Math.min(size, this.#size)));
    if (changes.length === 0) return bytes;
    const { sectorBytes } = fate;
    const first = Math.min(...changes.map((change) => extent(change, size)[0]));
    const last = Math.max(...changes.map((change) => extent(change, size)[1]));
    const seen = new Map<number, number>();
    const seenBy = (sector: number) => {
      let count = seen.get(sector);
      if (count === undefined) {
        const place = Math.max(0, sector * sectorBytes - first) / (last - first);
        seen.set(sector, count = fate.sector(changes.length, place));
      }
      return count;
    };
    changes.forEach((change, index) => {
      const [from, to] = extent(change, size);
      for (let start = from; start < Math.min(to, size);) {
        const sector = Math.floor(start / sectorBytes);
        const end = Math.min((sector + 1) * sectorBytes, to, size);
        if (index < seenBy(sector)) {
          if ("at" in change) bytes.set(change.bytes.subarray(start - from, end - from), start);
          else bytes.fill(0, start, end);
        }
        start = end;
      }
    });
    return bytes;
  }

  #grow(size: number): void {
    if (size > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(size, 2 * this.#buffer.length));
      larger.set(this.#buffer.subarray(0, this.#size));
      this.#buffer = larger;
    }
    this.#size = Math.max(size, this.#size);
  }
}

/** The bytes that it writes, or takes away from a file of that size. */
function extent(change: Change, size: number): readonly [from: number, to: number] {
  return "at" in change
    ? [change.at, change.at + change.bytes.length]
    : [change.size, Math.max(change.size, size)];
}

function sizeAfter(changes: readonly Change[], count: number, before: number): number {
  let size = before;
  for (const change of changes.slice(0, count)) {
    size = "at" in change ? Math.max(size, change.at + change.bytes.length) : change.size;
  }
  return size;
}

interface Version {
  /** The step that made it. */
  readonly made: number;
  readonly node: Node | undefined;
}

export class Folder {
  /** What each name stood for: synced, and every state since. */
  readonly names = new Map<string, Version[]>();

  get(name: string): Node | undefined {
    return this.names.get(name)?.at(-1)?.node;
  }

  set(name: string, version: Version): void {
    const versions = this.names.get(name);
    if (versions === undefined) this.names.set(name, [{ made: 0, node: undefined }, version]);
    else versions.push(version);
  }

  /** The names that are not as they were synced. */
  get changed(): readonly string[] {
    return [...this.names].filter(([, versions]) => versions.length > 1).map(([name]) => name);
  }

  sync(): void {
    for (const [name, versions] of this.names) {
      const newest = versions.at(-1);
      if (newest?.node === undefined) this.names.delete(name);
      else this.names.set(name, [newest]);
    }
  }
}

type Node = File | Folder;

/** A file that survived: `token` and `version` are the same only for the same bytes. */
export interface Survivor {
  readonly token: object;
  readonly version: number;
  readonly bytes: () => Uint8Array;
}

export interface Survivors {
  /** By path below the root, without a slash in front. */
  readonly files: ReadonlyMap<string, Survivor>;
  readonly folders: ReadonlySet<string>;
}

export class Disk {
  readonly #root: string;
  readonly #top = new Folder();
  readonly #inodes = new Map<number, Node>();
  #steps = 0;

  /** An empty folder. */
  constructor(root: string) {
    this.#root = root;
  }

  apply(step: Step): void {
    this.#steps++;
    switch (step.kind) {
      case "open": {
        const found = this.#find(step.path);
        if (found === undefined) this.#make(step.path, step.inode, new File());
        else assert.equal(found, this.#inodes.get(step.inode), `${step.path} is another file`);
        if (step.empties) this.#file(step.inode)?.change({ size: 0 });
        return;
      }
      case "folder":
        return this.#make(step.path, step.inode, new Folder());
      case "write": {
        const file = this.#file(step.inode);
        if (step.isCopy && file !== undefined) file.isCopied = true;
        return file?.change({ at: step.offset, bytes: step.bytes });
      }
      case "size":
        return this.#file(step.inode)?.change({ size: step.size });
      case "sync":
        return this.nodeOf(step)?.sync();
      case "link":
        return this.#name(step.to, this.#existing(step.from));
      case "rename": {
        const node = this.#existing(step.from);
        this.#name(step.to, node);
        return this.#name(step.from, undefined);
      }
      case "remove":
        return this.#name(step.path, undefined);
      case "start":
      case "answer":
      case "fault":
        return;
    }
  }

  /** What a sync is of; undefined when it has been forgotten, as has what is no longer there. */
  nodeOf({ inode, path }: { readonly inode: number; readonly path: string }): Node | undefined {
    return path === this.#root ? this.#top : this.#inodes.get(inode);
  }

  /** As if the system had written everything out by itself. */
  settle(): void {
    this.#top.sync();
    for (const node of this.#inodes.values()) node.sync();
  }

  /** What is there when the power comes back. */
  survivors(fate: Fate): Survivors {
    const files = new Map<string, Survivor>();
    const folders = new Set<string>();
    const visit = (folder: Folder, prefix: string) => {
      for (const [name, versions] of folder.names) {
        const node = versions[fate.name(versions.map(({ made }) => made))]?.node;
        const path = prefix + name;
        if (node instanceof Folder) {
          folders.add(path);
          visit(node, `${path}/`);
        } else if (node !== undefined) {
          const isSynced = fate === STRICT || !node.hasChanges;
          files.set(path, {
            token: isSynced ? node : {},
            version: node.version,
            bytes: () => node.survive(fate),
          });
        }
      }
    };
    visit(this.#top, "");
    return { files, folders };
  }

  #file(inode: number): File | undefined {
    const node = this.#inodes.get(inode);
    return node instanceof File ? node : undefined;
  }

  #make(path: string, inode: number, node: Node): void {
    this.#inodes.set(inode, node);
    this.#name(path, node);
  }

  #existing(path: string): Node {
    const node = this.#find(path);
    assert.ok(node, `${path} was never made`);
    return node;
  }

  #name(path: string, node: Node | undefined): void {
    const folder = this.#find(dirname(path));
    assert.ok(folder instanceof Folder, `${path} is in no folder`);
    folder.set(basename(path), { made: this.#steps, node });
  }

  #find(path: string): Node | undefined {
    assert.ok(path === this.#root || path.startsWith(`${this.#root}/`), path);
    let node: Node | undefined = this.#top;
    for (const name of path.slice(this.#root.length).split("/")) {
      if (name === "") continue;
      if (!(node instanceof Folder)) return undefined;
      node = node.get(name);
    }
    return node;
  }
}
