// The archive of a space (docs/spaces.md): a tar file that holds its keys with their values, and the
// signed bytes of everything that was accepted for it.
//
//   space.json               what it is an archive of
//   delegations/NNNNNN.jsonl one a line, with its revocation; each after those that it rests on
//   events/NNNNNN.jsonl      puts and deletions that later ones have replaced, in their order
//   values/{hash}            each large value once
//   keys/NNNNNN.jsonl        the keys in byte order, each with its put; small values in base64
//   end.json                 how many of each: without it an archive is cut off

import { createTarDecoder, createTarPacker } from "modern-tar";
import { z } from "zod";
import { isHash } from "../blocks/blocks.ts";
import { ownerOf, parseSpaceId, type SpaceId } from "../capabilities/space_id.ts";
import { NodeError } from "../errors.ts";
import { MAX_ARCHIVE_LINES_BYTES } from "../limits.ts";
import type { HeldKey, KeptDelegation, ReplacedEvent } from "../repository/repository.ts";
import type { ByteStream } from "./content.ts";

export interface ArchiveHead {
  readonly space: SpaceId;
  /** When it was hosted, Unix seconds. */
  readonly createdAt: number;
  readonly exportedAt: number;
}

export interface ArchiveCounts {
  readonly delegations: number;
  readonly events: number;
  readonly values: number;
  readonly keys: number;
}

export interface ArchivedValue {
  readonly hash: string;
  readonly size: number;
  /** To be read to its end before the next part is asked for. */
  readonly body: ByteStream;
}

/** In this order; all but the first and the last may come several times, or not at all. */
export type ArchivePart =
  | { readonly kind: "space"; readonly head: ArchiveHead }
  | { readonly kind: "delegations"; readonly items: readonly KeptDelegation[] }
  | { readonly kind: "events"; readonly items: readonly ReplacedEvent[] }
  | { readonly kind: "values"; readonly value: ArchivedValue }
  | { readonly kind: "keys"; readonly items: readonly HeldKey[] }
  | { readonly kind: "end"; readonly counts: ArchiveCounts };

const FORMAT = "tinycloud-space";
const VERSION = 1;
const FILE_LENGTH = 4 * 1024 * 1024;
const ORDER = ["space", "delegations", "events", "values", "keys", "end"] as const;

/** Unix seconds, to the end of the year 9999: what a date can be written of. */
const time = z.number().min(0).max(253_402_300_799);
const hash = z.string().refine(isHash);
const size = z.number().int().nonnegative();
const signed = { cid: z.string(), token: z.string(), at: time };

const HEAD = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  space: z.string(),
  owner: z.string(),
  createdAt: time,
  exportedAt: time,
});
const DELEGATION = z.strictObject({
  token: z.string(),
  at: time,
  revocation: z.strictObject({ token: z.string(), at: time }).exactOptional(),
});
const EVENT = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("put"), key: z.string(), ...signed, hash, size }),
  z.strictObject({ kind: z.literal("del"), key: z.string(), ...signed }),
]);
const KEY = z.strictObject({
  key: z.string(),
  hash,
  size,
  headers: z.array(z.tuple([z.string(), z.string()])),
  value: z.base64().exactOptional(),
  event: z.strictObject(signed),
});
const count = z.number().int().nonnegative();
const END = z.strictObject({ delegations: count, events: count, values: count, keys: count });

/** Writes an archive as a tar stream. The parts must come in their order, the last of them `end`. */
export function packArchive(parts: AsyncIterable<ArchivePart>): ByteStream {
  const { readable, controller } = createTarPacker();
  const add = async (name: string, body: ByteStream | Uint8Array, length: number) => {
    const target = controller.add({ name, size: length, mode: 0o600 });
    if (!(body instanceof Uint8Array)) return await body.pipeTo(target);
    const writer = target.getWriter();
    await writer.write(body);
    await writer.close();
  };
  const addText = (name: string, text: string) => {
    const bytes = new TextEncoder().encode(text);
    return add(name, bytes, bytes.length);
  };
  (async () => {
    let count = 0;
    for await (const part of parts) {
      switch (part.kind) {
        case "space":
          await addText("space.json", `${JSON.stringify(headOut(part.head), undefined, 2)}\n`);
          break;
        case "values":
          await add(`values/${part.value.hash}`, part.value.body, part.value.size);
          break;
        case "end":
          await addText("end.json", `${JSON.stringify(part.counts, undefined, 2)}\n`);
          break;
        default: {
          const items = part.kind === "keys" ? part.items.map(keyOut) : part.items;
          for (const lines of files(items.map((item) => `${JSON.stringify(item)}\n`))) {
            await addText(`${part.kind}/${String(++count).padStart(6, "0")}.jsonl`, lines);
          }
        }
      }
    }
    controller.finalize();
  })().catch((error) => controller.error(error));
  return readable;
}

/** Lines put together to files of moderate length. */
function* files(lines: readonly string[]): Generator<string> {
  let file = "";
  for (const line of lines) {
    if (file !== "" && file.length + line.length > FILE_LENGTH) {
      yield file;
      file = "";
    }
    file += line;
  }
  if (file !== "") yield file;
}

/**
 * Reads an archive part by part: their form, order and number, but not whether they are true. Throws
 * NodeError `inputs_invalid` with a sentence for what is no archive, or not a whole one.
 */
export async function* unpackArchive(archive: ByteStream): AsyncGenerator<ArchivePart> {
  const counts = { delegations: 0, events: 0, values: 0, keys: 0 };
  let at = 0;
  let last: ArchivePart["kind"] | undefined;
  for await (const { header, body } of entriesOf(archive)) {
    const part = await partOf(header.name, header.size, body);
    const place = ORDER.indexOf(part.kind);
    const isOnce = part.kind === "space" || part.kind === "end";
    const isFirst = last === undefined;
    if (isFirst !== (part.kind === "space") || place < at || (isOnce && last === part.kind)) {
      throw broken(`${header.name} is not in its place`);
    }
    [at, last] = [place, part.kind];
    if (part.kind === "values") counts.values++;
    else if (part.kind === "end") requireCounts(part.counts, counts);
    else if (part.kind !== "space") counts[part.kind] += part.items.length;
    yield part;
  }
  if (last !== "end") throw broken("it is cut off");
}

async function* entriesOf(archive: ByteStream) {
  // What follows the end of a tar file is not looked at; what is cut off before it is refused.
  const reader = archive.pipeThrough(createTarDecoder({ strict: true })).getReader();
  try {
    while (true) {
      const next = await reader.read().catch((cause) => {
        throw cause instanceof NodeError ? cause : broken("it is no whole tar file", cause);
      });
      if (next.done) return;
      yield next.value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function partOf(name: string, size: number, body: ByteStream): Promise<ArchivePart> {
  if (name === "space.json") return { kind: "space", head: headIn(await textOf(name, size, body)) };
  if (name === "end.json") {
    return { kind: "end", counts: parsed(name, END, await textOf(name, size, body)) };
  }
  const [folder, file = ""] = name.split("/", 2);
  if (folder === "values" && isHash(file)) {
    return { kind: "values", value: { hash: file, size, body } };
  }
  if (!/^\d{6}\.jsonl$/.test(file)) throw broken(`it holds ${JSON.stringify(name.slice(0, 80))}`);
  const lines = (await textOf(name, size, body)).split("\n").filter((line) => line !== "");
  switch (folder) {
    case "delegations":
      return { kind: folder, items: lines.map((line) => parsed(name, DELEGATION, line)) };
    case "events":
      return { kind: folder, items: lines.map((line) => parsed(name, EVENT, line)) };
    case "keys":
      return { kind: folder, items: lines.map((line) => keyIn(parsed(name, KEY, line))) };
    default:
      throw broken(`it holds ${JSON.stringify(name.slice(0, 80))}`);
  }
}

async function textOf(name: string, size: number, body: ByteStream): Promise<string> {
  if (size > MAX_ARCHIVE_LINES_BYTES) throw broken(`${name} is too long`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await new Response(body).bytes());
  } catch (cause) {
    throw broken(`${name} is not text, or cut off`, cause);
  }
}

function parsed<T>(name: string, schema: z.ZodType<T>, text: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw broken(`${name} holds what is no JSON`, cause);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw broken(`${name} has another form`, result.error);
}

function headOut({ space, createdAt, exportedAt }: ArchiveHead): z.infer<typeof HEAD> {
  return { format: FORMAT, version: VERSION, space, owner: ownerOf(space), createdAt, exportedAt };
}

function headIn(text: string): ArchiveHead {
  const head = parsed("space.json", HEAD, text);
  const named = parseSpaceId(head.space);
  if (named === undefined || named.space !== head.space || named.owner !== head.owner) {
    throw broken("space.json names no space and its owner");
  }
  return { space: named.space, createdAt: head.createdAt, exportedAt: head.exportedAt };
}

function keyOut({ key, hash, size, headers, inline, event }: HeldKey) {
  const value = inline === undefined ? {} : { value: inline.toBase64() };
  return { key, hash, size, headers, ...value, event };
}

function keyIn({ value, ...rest }: z.infer<typeof KEY>): HeldKey {
  return value === undefined ? rest : { ...rest, inline: Uint8Array.fromBase64(value) };
}

function requireCounts(said: ArchiveCounts, found: ArchiveCounts): void {
  for (const kind of ["delegations", "events", "values", "keys"] as const) {
    if (said[kind] !== found[kind]) {
      throw broken(`it should hold ${said[kind]} ${kind}, and holds ${found[kind]}`);
    }
  }
}

/** The archive is not what an export wrote. */
export function broken(what: string, cause?: unknown): NodeError {
  return new NodeError("inputs_invalid", `the archive can't be taken: ${what}`, { cause });
}
