// `deno task bench [--short]`: what requests cost beside a bare server in the same run, large values,
// a space of a million keys, starts. Medians of several rounds; durability full; the load runs in
// another process than the servers. Figures of a noisy machine: read the ratios. The long form writes
// bench/results/ and the README's table.

// deno-lint-ignore-file no-console -- a program for people

import { connect } from "../client/mod.ts";
import { hashSpeed, large, uploads } from "./large.ts";
import { median, quantile, run } from "./load.ts";
import { type Figure, save, tables } from "./report.ts";
import { CASES, measure, prepared, type Row } from "./requests.ts";
import { addKeys } from "./seed.ts";
import { type ServerProcess, startBare, startNode } from "./server_process.ts";
import type { Session } from "../client/mod.ts";

const MIB = 1024 * 1024;
const isShort = Deno.args.includes("--short");
const ROUNDS = isShort ? 1 : 5;
const REQUESTS = isShort ? 800 : 6_000;
const MANY_KEYS = isShort ? 20_000 : 1_000_000;
const LARGE = isShort ? 16 * MIB : 256 * MIB;
const HUGE = isShort ? 32 * MIB : 1024 * MIB;
const UPLOADS = isShort ? 20 : 200;

const figures: Figure[] = [];

/** In memory where that is, so that a slow disk does not hide what the node does. */
const TMPFS = await Deno.stat("/dev/shm").then(() => "/dev/shm", () => undefined);

async function inFolder<T>(work: (folder: string) => Promise<T>, dir?: string): Promise<T> {
  const options = { prefix: "tinycloud-bench-", ...(dir === undefined ? {} : { dir }) };
  const folder = await Deno.makeTempDir(options);
  try {
    return await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function note(figure: Figure): void {
  figures.push(figure);
  console.log(
    `${figure.name}: ${figure.value}${figure.target ? ` (target ${figure.target})` : ""}`,
  );
}

async function starts(): Promise<void> {
  const times: number[] = [];
  const weights: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await inFolder(async (folder) => {
      const begun = performance.now();
      await using node = await startNode(folder);
      await (await fetch(`${node.url}/info`)).text();
      times.push(performance.now() - begun);
      await new Promise((resolve) => setTimeout(resolve, 2000)); // what it weighs once it is idle
      weights.push((await node.memory()).now);
    });
  }
  note({ name: "start to first answer", value: `${Math.round(median(times))} ms` });
  note({ name: "idle memory", value: `${Math.round(median(weights) / MIB)} MiB` });
}

async function requests(): Promise<readonly Row[]> {
  return await inFolder(async (folder) => {
    const session = await seeded(folder, [["list10/", 10], ["list1000/", 1000], [
      "list100000/",
      100_000,
    ]]);
    await using bare = await startBare();
    await using node = await startNode(folder);
    const here = connect(node.url).use(session.key, session.grant);
    const rows: Row[] = [];
    for (const one of CASES) {
      const row = await measure(one, ROUNDS, REQUESTS, bare, node, here);
      rows.push(row);
      console.log(
        `${one.name}, ${one.connections} connections: ${
          row.node.microsecondsOfCpu.toFixed(0)
        } µs ` +
          `of CPU, ${row.ratio.toFixed(1)} × bare, ${row.node.perSecond.toFixed(0)}/s`,
      );
    }
    const of = (name: string, connections: number) =>
      rows.find((row) => row.name === name && row.connections === connections);
    const ratio = (name: string) => `${of(name, 32)?.ratio.toFixed(1)} × bare`;
    note({ name: "get 1 KiB, 32 connections, CPU", value: ratio("get 1 KiB"), target: "5 × bare" });
    note({ name: "put 1 KiB, 32 connections, CPU", value: ratio("put 1 KiB"), target: "7 × bare" });
    const [one, many] = [of("put 1 KiB", 1), of("put 1 KiB", 32)];
    const gain = (many?.node.perSecond ?? 0) / (one?.node.perSecond ?? NaN);
    note({ name: "puts at 32 connections beside 1", value: `${gain.toFixed(1)} ×`, target: "6 ×" });
    await besideWriters(node, here);
    const stall = await node.longestStall();
    note({
      name: "longest stall, small requests",
      value: `${stall.toFixed(0)} ms`,
      target: "50 ms",
    });
    return rows;
  });
}

/** A session of a new space that holds these keys; the node is stopped again. */
async function seeded(
  folder: string,
  keys: readonly (readonly [prefix: string, count: number])[],
): Promise<Session> {
  const session = await (async () => {
    await using node = await startNode(folder);
    return await prepared(node);
  })();
  for (const [prefix, count] of keys) addKeys(`${folder}/caps.db`, prefix, count);
  return session;
}

/** Sixteen readers alone, and then while sixteen writers write. */
async function besideWriters(node: ServerProcess, session: Session): Promise<void> {
  const cpu = () => Promise.resolve(0);
  const count = Math.ceil(REQUESTS / 2);
  const get = async () => {
    if (await session.get("get") === undefined) throw new Error("the value is not there");
  };
  const quiet: number[] = [];
  const busy: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    quiet.push((await run(count, 16, cpu, get)).p99);
    let isOver = false;
    const writers = Promise.all(Array.from({ length: 16 }, async (_, at) => {
      while (!isOver) await session.put(`writers/${at}`, "x".repeat(1024));
    }));
    busy.push((await run(count, 16, cpu, get)).p99);
    isOver = true;
    await writers;
  }
  const times = median(busy) / median(quiet);
  note({
    name: "p99 of gets beside 16 writers",
    value: `${times.toFixed(1)} × the quiet ${median(quiet).toFixed(1)} ms`,
    target: "3 ×",
  });
  void node;
}

/** The same requests in a space of many keys and in one of a thousandth of them. */
async function manyKeys(): Promise<void> {
  const medianOf: Record<string, number[]> = { few: [], many: [] };
  for (const [size, count] of [["few", MANY_KEYS / 1000], ["many", MANY_KEYS]] as const) {
    await inFolder(async (folder) => {
      const session = await seeded(folder, [["key/", count], ["ten/", 10]]);
      await using node = await startNode(folder);
      const here = connect(node.url).use(session.key, session.grant);
      const some = () => `key/${String(Math.floor(Math.random() * count)).padStart(8, "0")}`;
      const works = [
        () => here.get(some()),
        () => here.put(some(), "x"),
        () => here.list("ten/"),
      ];
      for (const work of works) {
        for (let at = 0; at < 200; at++) await work();
        const times: number[] = [];
        for (let at = 0; at < (isShort ? 200 : 2_000); at++) {
          const begun = performance.now();
          await work();
          times.push(performance.now() - begun);
        }
        medianOf[size]?.push(quantile(times, 0.5));
      }
      if (size === "many") await wholeList(node, here, count);
    });
  }
  ["get", "put", "list of 10"].forEach((what, at) => {
    const times = (medianOf.many?.[at] ?? NaN) / (medianOf.few?.[at] ?? NaN);
    note({
      name: `${what}, among ${MANY_KEYS.toLocaleString("en")} keys`,
      value: `${times.toFixed(2)} × among a thousandth`,
      target: "1.3 ×",
    });
  });
}

async function wholeList(node: ServerProcess, session: Session, count: number): Promise<void> {
  const before = (await node.memory()).peak;
  const begun = performance.now();
  const keys = await session.list("key/");
  const seconds = (performance.now() - begun) / 1000;
  if (keys.length !== count) throw new Error(`${keys.length} keys were listed`);
  const growth = ((await node.memory()).peak - before) / MIB;
  note({
    name: `a list of ${count.toLocaleString("en")} keys`,
    value: `${growth.toFixed(0)} MiB more, ${seconds.toFixed(1)} s`,
    target: "100 MiB",
  });
  const stall = `${(await node.longestStall()).toFixed(0)} ms`;
  note({ name: "longest stall, many keys", value: stall, target: "50 ms" });
}

async function largeValues(): Promise<void> {
  const found = await inFolder((folder) => large(folder, LARGE, isShort ? 1 : 3), TMPFS);
  const share = ({ node, bare }: { node: number; bare: number }) =>
    `${(100 * node / bare).toFixed(0)} % of bare (${node.toFixed(0)} MiB/s)`;
  const size = `${LARGE / MIB} MiB`;
  note({ name: `${size} up, tmpfs`, value: share(found.up), target: "60 % of bare" });
  note({ name: `${size} down, tmpfs`, value: share(found.down), target: "60 % of bare" });
  note({ name: "hashing alone", value: `${(await hashSpeed()).toFixed(0)} MiB/s` });
  const huge = await inFolder((folder) => large(folder, HUGE, 1), TMPFS);
  const beyond = (huge.peak.node - huge.peak.bare) / MIB;
  note({
    name: `${HUGE / MIB} MiB up and down, peak memory`,
    value: `${beyond.toFixed(0)} MiB beyond bare`,
    target: "64 MiB",
  });
  const many = await inFolder((folder) => uploads(folder, UPLOADS, 8 * MIB), TMPFS);
  note({
    name: `${UPLOADS} uploads of 8 MiB at once, peak memory`,
    value: `${(many.beyondBare / MIB).toFixed(0)} MiB beyond bare, ${
      many.mibPerSecond.toFixed(0)
    } MiB/s`,
    target: "200 MiB",
  });
  const stall = Math.max(found.stallMs, huge.stallMs, many.stallMs);
  note({ name: "longest stall, large values", value: `${stall.toFixed(0)} ms`, target: "50 ms" });
}

await starts();
const rows = await requests();
await manyKeys();
await largeValues();
console.log(`\n${tables(rows, figures)}`);
if (!isShort) await save(rows, figures);
