// `tinycloud inspect`: what a token says, whether it is in order, and with a database, what the node
// would decide.

import { judgeChain, type Verdict } from "../capabilities/chain.ts";
import type { ChainQuestion } from "../capabilities/question.ts";
import { windowOf } from "../capabilities/window.ts";
import type { Delegation } from "../capabilities/delegation.ts";
import { parseDatabase } from "../config/database.ts";
import { Refusal } from "../config/refusal.ts";
import { NodeError } from "../errors.ts";
import type { Repository } from "../repository/repository.ts";
import { openSqliteReadOnly } from "../repository/sqlite/open.ts";
import { type Cacao, decodeCacao, verifyCacao } from "../tokens/cacao.ts";
import { type Claims, isTimely } from "../tokens/claims.ts";
import { findPrincipal } from "../tokens/did.ts";
import { siweText } from "../tokens/siwe.ts";
import { decodeUcan, type Ucan, verifyUcan } from "../tokens/ucan.ts";
import type { Command, Io } from "./command.ts";

const EXIT = { valid: 0, refused: 1, unreadable: 2 } as const;
const MAX_STDIN = 64 * 1024;

export const inspect: Command = {
  name: "inspect",
  summary: "explain a UCAN or CACAO, and what the node would decide",
  help: `usage: tinycloud inspect [options] [TOKEN]

Explains a token as it stands in an Authorization header; reads it from standard input without
TOKEN. With a database, also shows the chain behind it and the decision.

  --database DB   the SQLite file of a node, which may be running
  --json          the explanation line by line, and the decision, as one JSON object

exit codes: 0 valid, 1 refused, 2 unreadable

examples:
  tinycloud inspect eyJhbGciOiJFZERTQSIs…
  pbpaste | tinycloud inspect --database data/caps.db`,
  options: { database: { type: "string" }, json: { type: "boolean" } },
  words: 1,

  async run(flags, [word], io) {
    const token = (word ?? await readStdin()).trim().replace(/^bearer /i, "");
    let decoded: Decoded;
    try {
      decoded = decode(token);
    } catch (error) {
      if (!(error instanceof NodeError)) throw error;
      io.complain(`unreadable: ${error.message}`);
      return EXIT.unreadable;
    }
    const now = Date.now() / 1000;
    const lines: string[] = [];
    const said = flags.json === true
      ? { ...io, print: (line: string) => void lines.push(line) }
      : io;
    const problems = explain(decoded, now, said);
    if (typeof flags.database === "string" && decoded.claims !== undefined) {
      const path = pathOf(flags.database, io);
      await using repository = openSqliteReadOnly(path, () => now);
      problems.push(...await explainChain(decoded.claims, repository, now, said));
    }
    if (flags.json === true) {
      io.print(JSON.stringify({ valid: problems.length === 0, refusals: problems, lines }));
      return problems.length === 0 ? EXIT.valid : EXIT.refused;
    }
    for (const problem of problems) io.print(`refused: ${problem}`);
    if (problems.length === 0) io.print("valid");
    return problems.length === 0 ? EXIT.valid : EXIT.refused;
  },
};

interface Decoded {
  readonly what: string;
  /** Absent when the signature, or what it covers, does not hold. */
  readonly claims?: Claims;
  readonly refusal?: string;
  readonly lines: readonly string[];
}

function decode(token: string): Decoded {
  return token.includes(".") ? fromUcan(decodeUcan(token)) : fromCacao(decodeCacao(token));
}

function fromUcan(ucan: Ucan): Decoded {
  const { claims, key } = ucan;
  const nonce = claims.nonce === undefined ? [] : [`nonce        ${claims.nonce}`];
  const facts = claims.facts.map((fact) => `fact         ${JSON.stringify(fact)}`);
  return {
    what: `UCAN 0.10.0, ${key.algorithm}`,
    ...verified(() => verifyUcan(ucan)),
    lines: [...claimLines(claims), ...nonce, ...facts],
  };
}

function fromCacao(cacao: Cacao): Decoded {
  const outcome = verified(() => verifyCacao(cacao));
  const message = siweText(cacao.fields, cacao.wallet).split("\n").map((line) => `  | ${line}`);
  return {
    what: "CACAO, eip4361, eip191",
    ...outcome,
    lines: [...(outcome.claims === undefined ? [] : claimLines(outcome.claims)), ...message],
  };
}

function verified(verify: () => Claims): Pick<Decoded, "claims" | "refusal"> {
  try {
    return { claims: verify() };
  } catch (error) {
    if (error instanceof NodeError) return { refusal: error.message };
    throw error;
  }
}

function claimLines(claims: Claims): string[] {
  return [
    `cid          ${claims.cid}`,
    `issuer       ${claims.issuer}`,
    `audience     ${claims.audience}`,
    ...claims.capabilities.map(({ resource, ability, caveated }) =>
      `capability   ${ability} on ${resource.uri}${
        caveated ? " (with a caveat: grants nothing)" : ""
      }`
    ),
    ...claims.proofs.map((cid) => `proof        ${cid}`),
  ];
}

/** Prints the token; what is wrong with it by itself. */
function explain({ what, claims, refusal, lines }: Decoded, now: number, io: Io): string[] {
  io.print(what);
  for (const line of lines) io.print(line);
  io.print(`signature    ${refusal === undefined ? "fits the issuer" : refusal}`);
  if (claims === undefined) return [refusal ?? "Failed to verify signature"];
  for (const [name, time] of timesOf(claims)) io.print(`${name.padEnd(13)}${timeText(time, now)}`);
  return isTimely(claims, now) ? [] : ["it is expired or not yet valid"];
}

function timesOf({ issuedAt, notBefore, expiresAt }: Claims): [string, number | undefined][] {
  const times: [string, number | undefined][] = [
    ["issued at", issuedAt],
    ["not before", notBefore],
  ];
  return [...times.filter(([, time]) => time !== undefined), ["expires", expiresAt]];
}

function timeText(seconds: number | undefined, now: number): string {
  if (seconds === undefined) return "never";
  const distance = Math.round(Math.abs(seconds - now));
  const relative = seconds >= now ? `in ${distance} s` : `${distance} s ago`;
  const date = new Date(seconds * 1000);
  // A time may be far beyond what a calendar writes.
  return Number.isNaN(date.getTime()) ? `${seconds}` : `${date.toISOString()}, ${relative}`;
}

/** Prints the chain behind the token; why the node would refuse it. */
async function explainChain(
  claims: Claims,
  repository: Repository,
  now: number,
  io: Io,
): Promise<string[]> {
  const isInvocation = claims.kind === "ucan" && findPrincipal(claims.audience) === claims.issuer;
  const records = await repository.delegations([...claims.proofs]);
  const identities = [...records.values()].map(({ identity }) => identity);
  const standing = await repository.standing({ identities: [claims.identity, ...identities] });
  for (const cid of claims.proofs) {
    if (!records.has(cid)) io.print(`chain        ${cid} is not stored here`);
  }
  for (const record of records.values()) {
    io.print(`chain        ${chainText(record, standing.revoked.has(record.identity), now)}`);
  }
  const question: ChainQuestion = {
    use: isInvocation ? "invocation" : "delegation",
    signer: claims.issuer,
    ...claims,
  };
  const facts = { records, revoked: standing.revoked, now, maxLifetime: undefined };
  const verdict: Verdict = judgeChain(question, facts);
  if (verdict.kind === "refused") {
    for (const path of verdict.refusal.reasons?.() ?? []) io.print(`tried        ${path}`);
  }
  return [
    ...(standing.revoked.has(claims.identity) ? [`delegation-revoked: ${claims.cid}`] : []),
    ...(verdict.kind === "refused" ? [verdict.refusal.message] : []),
  ];
}

function chainText(record: Delegation, isRevoked: boolean, now: number): string {
  const { from, until } = windowOf(record, undefined);
  const state = isRevoked
    ? "revoked"
    : now < from
    ? "not yet valid"
    : now >= until
    ? "expired"
    : "in force";
  const parents = record.parents.length === 0 ? "root" : `by ${record.parents.join(", ")}`;
  return `${record.cid} ${record.delegator} → ${record.delegatee}, ${parents}, ${state}`;
}

function pathOf(text: string, io: Io): string {
  const database = parseDatabase(text);
  if (database instanceof Refusal || database.kind !== "sqlite") {
    throw new NodeError("storage_unavailable", `--database wants a SQLite file, not ${text}`);
  }
  return database.path.startsWith("/") ? database.path : `${io.cwd}/${database.path}`;
}

async function readStdin(): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of Deno.stdin.readable) {
    size += chunk.length;
    if (size > MAX_STDIN) break;
    chunks.push(chunk);
  }
  return new TextDecoder().decode(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).bytes());
}
