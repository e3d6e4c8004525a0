// Blocks as objects in a bucket (docs/s3.md), Amazon's or any that speaks its language. Loaded only
// where it is configured, since the SDK is large.
//
// An object appears whole or not at all, and is durable when the put is answered, whatever
// `storage.durability` says. So there is nothing to sync, and nothing is left of a put that breaks
// off; of a probe there may be. A put never asks whether the object is there already: the same bytes
// written again do no harm, heal a damaged object, and make a stray young.

import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { Readable } from "node:stream";
import type { SpaceId } from "../capabilities/space_id.ts";
import {
  type BlockInfo,
  type BlockName,
  blockName,
  type Blocks,
  requireName,
  type Staged,
} from "./blocks.ts";
import { createClient, type S3Place } from "./s3_client.ts";
import { downloaded } from "./s3_download.ts";
import { isMissing, s3Error, S3Failure } from "./s3_error.ts";
import { type Headway, PATIENCE, type Patience } from "./s3_headway.ts";
import { listed, type ListedObject, type Page } from "./s3_list.ts";
import { type Names, namesBelow } from "./s3_names.ts";
import { persistently } from "./s3_retry.ts";
import { type Content, isStreamed, openUpload } from "./s3_upload.ts";

/**
 * Opens the store, once a first request has shown that the bucket is there and may be listed. Nothing
 * is written. The cause of the NodeError it throws says in a sentence what is wrong.
 */
export async function openS3Blocks(place: S3Place, patience = PATIENCE): Promise<Blocks> {
  const blocks = new S3Blocks(place, patience);
  try {
    await blocks.reach();
    return blocks;
  } catch (error) {
    await blocks[Symbol.asyncDispose]();
    throw error;
  }
}

const PAGE = 1000;
const PROBE = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const PROBE_BYTES = 32;

class S3Blocks implements Blocks {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #names: Names;
  readonly #patience: Patience;

  constructor(place: S3Place, patience: Patience) {
    this.#client = createClient(place);
    this.#bucket = place.bucket;
    this.#names = namesBelow(place.prefix);
    this.#patience = patience;
  }

  reach(): Promise<void> {
    return translated("read", async () => {
      await this.#page(this.#names.root, "", 1);
    });
  }

  put(space: SpaceId, content: Staged): Promise<void> {
    const key = this.#names.of(blockName(space, content.hash));
    return translated("write", () => this.#put(key, content));
  }

  get(space: SpaceId, hash: string): ReturnType<Blocks["get"]> {
    const key = this.#names.of(blockName(space, hash));
    return translated("read", () => this.#get(key));
  }

  remove(space: SpaceId, hash: string): Promise<void> {
    const key = this.#names.of(blockName(space, hash));
    return translated("write", () => this.#remove(key));
  }

  removeStray(block: BlockInfo): Promise<void> {
    const key = this.#names.of(requireName(block));
    return translated("write", async () => {
      // By a list, which tells the age as finely as the one that named the stray.
      const { objects } = await this.#page(key, "", 1);
      const now = objects[0];
      if (now?.key !== key) return;
      if (now.modifiedAt === block.modifiedAt && now.size === block.size) await this.#remove(key);
    });
  }

  async *all(after?: BlockName): AsyncIterable<BlockInfo> {
    const { root } = this.#names;
    const from = after === undefined ? root : this.#names.of(after);
    for await (const { key, size, modifiedAt } of this.#objects(root, from)) {
      const block = this.#names.blockIn(key);
      if (block !== undefined) yield { ...block, size, modifiedAt };
    }
  }

  async leftovers(before: number): Promise<number> {
    return (await this.#oldProbes(before)).length;
  }

  async sweepLeftovers(before: number): Promise<number> {
    const old = await this.#oldProbes(before);
    for (const key of old) await translated("write", () => this.#remove(key));
    return old.length;
  }

  probe(): Promise<void> {
    return translated("write", async () => {
      const key = `${this.#names.probes}${crypto.randomUUID()}`;
      const bytes = crypto.getRandomValues(new Uint8Array(PROBE_BYTES));
      await this.#put(key, { bytes, path: undefined, size: bytes.length });
      try {
        await this.#compare(key, bytes);
      } catch (error) {
        await this.#remove(key).catch(() => "a later sweep removes it");
        throw s3Error(error, "read");
      }
      await this.#remove(key);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy();
    return Promise.resolve();
  }

  async #put(key: string, content: Content): Promise<void> {
    const body = { bytes: content.size, isTold: isStreamed(content) };
    await persistently(this.#patience, async (headway) => {
      await using upload = await openUpload(content, headway);
      const command = new PutObjectCommand({
        Bucket: this.#bucket,
        Key: key,
        Body: upload.content,
        ContentLength: content.size,
      });
      await within(headway, (options) => this.#client.send(command, options));
    }, body);
  }

  async #get(key: string): ReturnType<Blocks["get"]> {
    try {
      const { body, size } = await persistently(
        this.#patience,
        (headway) => this.#open(headway, key),
      );
      const resume = async (at: number) =>
        (await persistently(this.#patience, (headway) => this.#open(headway, key, { at, size })))
          .body;
      return { size, body: downloaded({ size, body, resume }, this.#patience) };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** An object, or the rest of one. */
  async #open(
    headway: Headway,
    key: string,
    rest?: { readonly at: number; readonly size: number },
  ): Promise<{ readonly body: Readable; readonly size: number }> {
    const range = rest === undefined ? {} : { Range: `bytes=${rest.at}-` };
    const command = new GetObjectCommand({ Bucket: this.#bucket, Key: key, ...range });
    const { Body: body, ContentLength: size, ContentRange: found } = await within(
      headway,
      (options) => this.#client.send(command, options),
    );
    const isWhole = rest === undefined
      ? found === undefined
      : found === `bytes ${rest.at}-${rest.size - 1}/${rest.size}`;
    if (body instanceof Readable && size !== undefined && isWhole) return { body, size };
    if (body instanceof Readable) body.destroy();
    throw new Error("An answer of S3 is not the object that was asked for");
  }

  async #remove(key: string): Promise<void> {
    try {
      await persistently(this.#patience, async (headway) => {
        const command = new DeleteObjectCommand({ Bucket: this.#bucket, Key: key });
        await within(headway, (options) => this.#client.send(command, options));
      });
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  async #compare(key: string, bytes: Uint8Array): Promise<void> {
    const found = await this.#get(key);
    if (found?.size !== bytes.length) await found?.body.cancel();
    else {
      const read = await new Response(found.body).bytes();
      if (read.every((byte, at) => byte === bytes[at])) return;
    }
    throw new S3Failure("OtherBytes", "it returns other bytes than were written");
  }

  async #oldProbes(before: number): Promise<readonly string[]> {
    const { probes } = this.#names;
    const old: string[] = [];
    for await (const { key, modifiedAt } of this.#objects(probes, probes)) {
      if (modifiedAt < before && PROBE.test(key.slice(probes.length))) old.push(key);
    }
    return old;
  }

  /** The objects whose names begin with `prefix`, beyond `after`. */
  async *#objects(prefix: string, after: string): AsyncGenerator<ListedObject, void, undefined> {
    try {
      yield* listed((from) => this.#page(prefix, from, PAGE), after);
    } catch (error) {
      throw s3Error(error, "read");
    }
  }

  #page(prefix: string, after: string, most: number): Promise<Page> {
    const command = new ListObjectsV2Command({
      Bucket: this.#bucket,
      MaxKeys: most,
      // Names may hold what XML can't.
      EncodingType: "url",
      ...(prefix === "" ? {} : { Prefix: prefix }),
      ...(after === "" ? {} : { StartAfter: after }),
    });
    return persistently(this.#patience, async (headway) => {
      return pageOf(await within(headway, (options) => this.#client.send(command, options)));
    });
  }
}

/** Sends a request that ends with its headway, whatever the SDK is waiting for. */
function within<Answer>(
  headway: Headway,
  send: (options: { readonly abortSignal: AbortSignal }) => Promise<Answer>,
): Promise<Answer> {
  return headway.until(send({ abortSignal: headway.signal }));
}

function pageOf(
  { Contents = [], EncodingType, IsTruncated = false }: ListObjectsV2CommandOutput,
): Page {
  const objects = Contents.map(({ Key, Size, LastModified }) => {
    if (Key === undefined || Size === undefined || LastModified === undefined) {
      throw new Error("A list of S3 leaves out what it must say");
    }
    const key = EncodingType === "url" ? decodeURIComponent(Key.replaceAll("+", "%20")) : Key;
    return { key, size: Size, modifiedAt: LastModified.getTime() / 1000 };
  });
  return { objects, isLast: !IsTruncated };
}

async function translated<T>(action: "read" | "write", work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw s3Error(error, action);
  }
}
