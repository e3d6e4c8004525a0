// What the tests of blocks share: folders that vanish, bodies made of chunks, a space with values.

import assert from "node:assert/strict";
import { openLocalBlocks } from "../../../src/blocks/local.ts";
import type { Blocks, Staged } from "../../../src/blocks/blocks.ts";
import { spaceHashOf } from "../../../src/blocks/blocks.ts";
import type { SpaceId } from "../../../src/capabilities/space_id.ts";
import { blake3Hex } from "../../../src/blake3.ts";
import { openSqlite } from "../../../src/repository/sqlite/open.ts";
import type { ApplyOutcome, Change, Repository } from "../../../src/repository/repository.ts";
import { commitPut } from "../../../src/spaces/content.ts";
import type { Ports } from "../../../src/spaces/ports.ts";
import type { Clock } from "../../../src/telemetry/clock.ts";
import { type Cid, cidOf, type Identity } from "../../../src/tokens/cid.ts";
import type { Principal } from "../../../src/tokens/did.ts";
import { spaceId } from "../../contract/blocks_contract.ts";

const OWNER = "pkh:eip155:1:0x6a12C8594c5C850d57612CA58810ABb8aeBbC04B";
// Canonical by construction: the principal of the space ids below.
const OWNER_DID = `did:${OWNER}` as Principal;
export const HOME = spaceId(`tinycloud:${OWNER}:home`);
export const AWAY = spaceId(`tinycloud:${OWNER}:away`);
export const DAY = 86_400;

export interface TemporaryDirectory extends AsyncDisposable {
  readonly path: string;
}

export async function temporaryDirectory(): Promise<TemporaryDirectory> {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Where no store can be, in the directory of `noFolders`. */
export const NO_FOLDERS = [
  { name: "a file", below: "file" },
  { name: "a path below a file", below: "file/new" },
  { name: "a symlink to a file", below: "to-file" },
  { name: "a symlink to nothing", below: "to-nothing" },
  { name: "a path below a symlink to nothing", below: "to-nothing/new/newer" },
  { name: "a symlink to itself", below: "to-itself" },
  { name: "a path below a symlink to itself", below: "to-itself/new" },
] as const;

export async function noFolders(): Promise<TemporaryDirectory> {
  const directory = await temporaryDirectory();
  const { path } = directory;
  await Deno.writeTextFile(`${path}/file`, "");
  await Deno.symlink(`${path}/file`, `${path}/to-file`);
  await Deno.symlink(`${path}/nothing`, `${path}/to-nothing`);
  await Deno.symlink(`${path}/to-itself`, `${path}/to-itself`);
  return directory;
}

/** Every file below a folder, sorted, relative to it. */
export async function filesIn(path: string): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(path)) {
    if (!entry.isDirectory) files.push(entry.name);
    else {for (const name of await filesIn(`${path}/${entry.name}`)) {
        files.push(`${entry.name}/${name}`);
      }}
  }
  return files.sort();
}

/** Files that are no lock of a running process. */
export async function leftIn(path: string): Promise<string[]> {
  return (await filesIn(path)).filter((name) => !name.endsWith(".lock"));
}

/** A body that brings these chunks one by one, as they are asked for, then ends or fails. */
export function bodyOf(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ending: { readonly error?: Error; readonly cancelled?: (reason: unknown) => void } = {},
): ReadableStream<Uint8Array> {
  const source = Symbol.asyncIterator in chunks
    ? chunks[Symbol.asyncIterator]()
    : chunks[Symbol.iterator]();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await source.next();
      if (!done) return controller.enqueue(value);
      if (ending.error !== undefined) throw ending.error;
      controller.close();
    },
    cancel: (reason) => ending.cancelled?.(reason),
  }, { highWaterMark: 0 });
}

/** The bytes in pieces of `size`, the last one shorter. */
export function* pieces(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

export function inMemory(bytes: Uint8Array): Staged {
  return {
    hash: blake3Hex(bytes),
    size: bytes.length,
    bytes,
    path: undefined,
    async [Symbol.asyncDispose]() {},
  };
}

export class FakeClock implements Clock {
  seconds = Date.now() / 1000;
  ms = 5000;

  nowSeconds(): number {
    return this.seconds;
  }

  monotonicMs(): number {
    return this.ms;
  }

  /** Time goes by, for both clocks. */
  pass(seconds: number): void {
    this.seconds += seconds;
    this.ms += seconds * 1000;
  }
}

/** A port of which some methods do something else. */
export function changed<T extends object>(port: T, methods: Partial<T>): T {
  return new Proxy(port, {
    get(target, name) {
      const method = Reflect.get(methods, name) ?? Reflect.get(target, name);
      return typeof method === "function" ? method.bind(target) : method;
    },
  });
}

/** A node's two stores, with the spaces HOME and AWAY and the operations that requests make. */
export class Stores implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly repository: Repository;
  #count = 0;

  private constructor(readonly path: string, readonly blocks: Blocks) {
    this.repository = openSqlite({
      path: ":memory:",
      durability: "normal",
      now: () => this.clock.seconds,
    });
  }

  static async open(): Promise<Stores> {
    const path = await Deno.makeTempDir();
    const blocks = await openLocalBlocks({ path: `${path}/blocks`, durability: "normal" });
    const stores = new Stores(path, blocks);
    await stores.host(HOME);
    await stores.host(AWAY);
    return stores;
  }

  async host(space: SpaceId): Promise<void> {
    const { cid, identity } = this.#token();
    const outcome = await this.repository.acceptDelegation({
      record: {
        cid,
        identity,
        kind: "cacao",
        delegator: OWNER_DID,
        delegatee: OWNER_DID,
        capabilities: [],
        proofs: [],
        parents: [],
        ancestors: [],
        acceptedAt: this.clock.seconds,
        host: true,
      },
      token: "token",
      spaces: [space],
      urnOwners: [],
      hosts: [{ space, owner: OWNER_DID }],
      scopes: [],
      bounds: { scopeDelegations: 100, delegatorDelegations: 100, spacesPerOwner: 9, spaces: 9 },
      now: this.clock.seconds,
      unrevoked: [],
    });
    assert.equal(outcome.kind, "accepted");
  }

  /** As a put request does it, once the upload is staged. */
  async put(space: SpaceId, key: string, bytes: Uint8Array): Promise<void> {
    const { repository, blocks } = this;
    const { usage } = await repository.standing({ identities: [], space });
    const hosting = usage?.hosting ?? 0;
    // commitPut uses no other port and no other rule.
    const ports = { repository, blocks, rules: { inlineLimit: 0 } } as unknown as Ports;
    const outcome = await commitPut(inMemory(bytes), hosting, this.#change(space, key), [], ports);
    assert.equal(outcome.kind, "applied");
  }

  delete(space: SpaceId, key: string): Promise<ApplyOutcome> {
    return this.repository.applyInvocation({
      ...this.#change(space, key),
      effect: { kind: "del" },
    });
  }

  async read(space: SpaceId, key: string): Promise<Uint8Array | undefined> {
    const entry = await this.repository.find(space, key);
    if (entry === undefined) return undefined;
    const block = await this.blocks.get(space, entry.hash);
    assert.ok(block, `the block of ${key} is missing`);
    return new Uint8Array(await new Response(block.body).arrayBuffer());
  }

  fileOf(space: SpaceId, bytes: Uint8Array): string {
    const hash = blake3Hex(bytes);
    return `${this.path}/blocks/${spaceHashOf(space)}/${hash.slice(0, 2)}/${hash}`;
  }

  /** Makes a block look as if it had been written so many seconds ago. */
  async age(space: SpaceId, bytes: Uint8Array, seconds: number): Promise<void> {
    const then = this.clock.seconds - seconds;
    await Deno.utime(this.fileOf(space, bytes), then, then);
  }

  async stored(): Promise<string[]> {
    const stored = await Array.fromAsync(this.blocks.all());
    return stored.map(({ spaceHash, hash }) => `${spaceHash}/${hash}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.repository[Symbol.asyncDispose]();
    await this.blocks[Symbol.asyncDispose]();
    await Deno.remove(this.path, { recursive: true });
  }

  #change(space: SpaceId, key: string): Omit<Change, "effect"> {
    const { cid, key: guard } = this.#token();
    return {
      space,
      key,
      use: { key: guard, expiresAt: this.clock.seconds + 360 },
      unrevoked: [],
      event: { cid, token: "token", at: this.clock.seconds },
      limits: {},
    };
  }

  #token(): { cid: Cid; identity: Identity; key: string } {
    const bytes = new TextEncoder().encode(`token ${this.#count++}`);
    const key = blake3Hex(bytes);
    // Any name that no other token has will do here.
    return { cid: cidOf(bytes), identity: `ucan:${key}` as Identity, key };
  }
}
