// What a program does to its disk, written down by the library in `shim.c`, and a hand on its calls.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

/** One call that had an effect, in the order of the effects. Paths begin at `/`. */
export type Step =
  /** A program has begun. */
  | { readonly kind: "start" }
  /** Opened to be made, if it was not there, or to be emptied. */
  | {
    readonly kind: "open";
    readonly inode: number;
    readonly empties: boolean;
    readonly path: string;
  }
  | {
    readonly kind: "write";
    readonly inode: number;
    readonly offset: number;
    readonly bytes: Uint8Array;
    /** Whether the system copied it from another file. */
    readonly isCopy: boolean;
  }
  | { readonly kind: "size"; readonly inode: number; readonly size: number }
  | { readonly kind: "sync"; readonly inode: number; readonly path: string }
  | { readonly kind: "folder"; readonly inode: number; readonly path: string }
  | { readonly kind: "rename" | "link"; readonly from: string; readonly to: string }
  | { readonly kind: "remove"; readonly path: string }
  /** About to be sent. */
  | { readonly kind: "answer"; readonly status: number; readonly trace: string }
  /** A rule has taken effect. */
  | { readonly kind: "fault"; readonly op: Op; readonly path: string };

/** All that was done below a folder, which was empty at first. */
export interface Recording {
  readonly root: string;
  readonly steps: readonly Step[];
}

/** Open, write, resize, sync, make a folder, rename, link, remove, answer, begin a transaction. */
export type Op = "O" | "W" | "T" | "S" | "M" | "R" | "L" | "U" | "A" | "B";

/** What is to happen to a call. */
export interface Rule {
  readonly op: Op;
  /** Of the path, the one that comes about where there are two. `*` spans folders. */
  readonly path: string;
  /** Which of those that match, from 1. */
  readonly nth?: number;
  readonly action: Action;
}

/** The process dies before the call, or after it; or it fails, once or from then on. */
export type Action =
  | "kill"
  | "kill after"
  | { readonly error: keyof typeof ERRORS; readonly lasts?: boolean };

/** As Linux numbers them. */
const ERRORS = { EIO: 5, EXDEV: 18, EMFILE: 24, ENOSPC: 28, EROFS: 30 } as const;

const SOURCE = fileURLToPath(new URL("shim.c", import.meta.url));

/** Whether this machine can build and preload the library; in CI it must. */
export const canRecord = Deno.env.has("CI") ||
  Deno.build.os === "linux" && await new Deno.Command("cc", { args: ["--version"] }).output().then(
      ({ success }) => success,
      () => false,
    );

/** A test that needs the library. */
export function recordingTest(
  name: string,
  fn: (t: Deno.TestContext) => Promise<unknown>,
): void {
  const told = canRecord ? name : `${name} (ignored: there is no C compiler)`;
  Deno.test({ name: told, ignore: !canRecord, fn: async (t) => void await fn(t) });
}

/** Programs run with `env` are recorded. Disposing removes all that it made, `root` too. */
export interface Recorder extends AsyncDisposable {
  /** The folder whose files are recorded; at first it is empty. */
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
  /** Instead of the rules before; none: no call is touched. Counting begins anew. At most four. */
  rules(...rules: readonly Rule[]): Promise<void>;
  /** What was recorded up to now; a rule that has taken effect is among it. */
  steps(): Promise<readonly Step[]>;
}

export async function startRecorder(): Promise<Recorder> {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "tinycloud-record-" }));
  const [library, root] = [`${folder}/shim.so`, `${folder}/root`];
  const [record, rulesPath] = [`${folder}/record`, `${folder}/rules`];
  await Deno.writeFile(library, await (built ??= build()));
  await Deno.mkdir(root);
  await Deno.writeFile(record, new Uint8Array());
  await Deno.writeFile(rulesPath, new Uint8Array(RULES_BYTES));
  return {
    root,
    env: { LD_PRELOAD: library, SHIM_ROOT: root, SHIM_RECORD: record, SHIM_RULES: rulesPath },
    async rules(...rules) {
      const page = new Uint8Array(RULES_BYTES);
      new TextEncoder().encodeInto(rules.map(ruleText).join(""), page);
      // In place: programs have the file in their memory.
      using file = await Deno.open(rulesPath, { write: true });
      assert.equal(await file.write(page), page.length);
    },
    steps: async () => stepsOf(await Deno.readFile(record)),
    async [Symbol.asyncDispose]() {
      await Deno.remove(folder, { recursive: true });
    },
  };
}

let built: Promise<Uint8Array> | undefined;

/** The library's bytes. */
async function build(): Promise<Uint8Array> {
  const library = await Deno.makeTempFile({ suffix: ".so" });
  try {
    const args = ["-O1", "-shared", "-fPIC", "-pthread", "-o", library, SOURCE, "-ldl"];
    const { success, stderr } = await new Deno.Command("cc", { args }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    return await Deno.readFile(library);
  } finally {
    await Deno.remove(library);
  }
}

const RULES_BYTES = 4096;
let written = 0;

function ruleText({ op, path, nth = 1, action }: Rule): string {
  assert.ok(!/\s/.test(path));
  const told = action === "kill"
    ? "kill"
    : action === "kill after"
    ? "died"
    : `${ERRORS[action.error]}${action.lasts ? "+" : ""}`;
  // The number makes the same rule another one, whose counting begins anew.
  return `${op} ${path} ${nth} ${told} ${++written}\n`;
}

function stepsOf(record: Uint8Array): readonly Step[] {
  const steps: Step[] = [];
  const text = new TextDecoder();
  for (let at = 0; at < record.length;) {
    const end = record.indexOf(NEW_LINE, at);
    const fields = text.decode(record.subarray(at, end)).split("\t");
    const length = Number(fields.pop());
    at = end + 1 + length;
    // What a program is just adding.
    if (end < 0 || at > record.length) break;
    steps.push(stepOf(fields, record.subarray(end + 1, at)));
  }
  return steps;
}

const NEW_LINE = 10;

function stepOf(
  [kind, one = "", two = "", three = ""]: readonly string[],
  bytes: Uint8Array,
): Step {
  switch (kind) {
    case "P":
      return { kind: "start" };
    case "O":
      return { kind: "open", inode: Number(one), empties: two === "1", path: three };
    case "W":
    case "C":
      return {
        kind: "write",
        inode: Number(one),
        offset: Number(two),
        bytes,
        isCopy: kind === "C",
      };
    case "T":
      return { kind: "size", inode: Number(one), size: Number(two) };
    case "S":
      return { kind: "sync", inode: Number(one), path: two };
    case "M":
      return { kind: "folder", inode: Number(one), path: two };
    case "R":
      return { kind: "rename", from: one, to: two };
    case "L":
      return { kind: "link", from: one, to: two };
    case "U":
      return { kind: "remove", path: one };
    case "A":
      return answerOf(new TextDecoder().decode(bytes));
    case "F":
      // The library writes what `ruleText` gave it.
      return { kind: "fault", op: one as Op, path: two };
    default:
      throw new Error(`The library recorded something unknown: ${kind}`);
  }
}

function answerOf(head: string): Step {
  return {
    kind: "answer",
    status: Number(head.slice(9, 12)),
    trace: /^tinycloud-trace-id: *([0-9a-f]+)/im.exec(head)?.[1] ?? "",
  };
}
