// A flood of bad tokens from a hundred addresses (adversary.md, group 5): others hardly notice, and
// the node does not grow.

import { assertOk, clientAt, invoke, kv, signIn } from "../support/asking.ts";
import { measured, median, mib } from "../support/measured.ts";
import { type NodeProcess, startProcess } from "../support/process.ts";
import type { Session } from "../../client/mod.ts";

const PROGRAM = new URL("flood.program.ts", import.meta.url).pathname;
/** Requests a second of the good client, each for itself: what comes late is counted as late. */
const PACE = 50;

export interface Flood {
  readonly quiet: Latencies;
  readonly flooded: Latencies;
  /** The node's memory in bytes, every second of the flood. */
  readonly memory: readonly number[];
  /** Answers to the flood, by status. */
  readonly answers: Readonly<Record<string, number>>;
}

interface Latencies {
  readonly p50: number;
  readonly p99: number;
}

/** `seconds` of flood over so many connections, and before it a third as long without. */
export async function flood(seconds: number, connections: number): Promise<Flood> {
  await using node = await startProcess();
  const session = await signIn(node);
  await session.put("k", "x".repeat(1024));
  using from = clientAt("127.0.2.1");
  await gets(node, session, from, 3);
  const quiet = await gets(node, session, from, Math.ceil(seconds / 3));

  const program = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--quiet",
      "--allow-net",
      "--allow-env",
      PROGRAM,
      new URL(node.url).port,
      String(seconds),
      String(connections),
    ],
    stdout: "piped",
  }).spawn();
  const memory: number[] = [];
  const watch = setInterval(async () => memory.push(await node.rss()), 1000);
  const flooded = await gets(node, session, from, seconds);
  clearInterval(watch);
  const { stdout } = await program.output();
  const answers = JSON.parse(new TextDecoder().decode(stdout));
  return { quiet, flooded, memory, answers };
}

/** Gets of one value at a steady pace, and how long they took, milliseconds. */
async function gets(
  node: NodeProcess,
  session: Session,
  from: Deno.HttpClient,
  seconds: number,
): Promise<Latencies> {
  const times: number[] = [];
  const begun = performance.now();
  const all: Promise<void>[] = [];
  for (let at = 0; at < seconds * PACE; at++) {
    const due = begun + at * 1000 / PACE;
    const early = due - performance.now();
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
    all.push((async () => {
      const sent = performance.now();
      assertOk(await invoke(node, session, kv(session, "get", "k"), { from }));
      times.push(performance.now() - sent);
    })());
  }
  await Promise.all(all);
  times.sort((a, b) => a - b);
  const quantile = (q: number) => times[Math.floor(times.length * q)] ?? NaN;
  return { p50: quantile(0.5), p99: quantile(0.99) };
}

/** Prints the figures; memory: the median of the last third beside that of the first. */
export function tell({ quiet, flooded, memory, answers }: Flood): { readonly growth: number } {
  const third = Math.floor(memory.length / 3);
  const [first, last] = [median(memory.slice(0, third)), median(memory.slice(-third))];
  const ms = ({ p50, p99 }: Latencies) => `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`;
  measured(`good gets, quiet: ${ms(quiet)}; in the flood: ${ms(flooded)}`);
  measured(
    `the flood was answered ${JSON.stringify(answers)}; memory ${mib(first)}, then ${mib(last)}`,
  );
  return { growth: last - first };
}
