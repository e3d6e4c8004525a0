// What small requests cost, each beside a bare server that answers the same bytes.

import { connect, randomSessionKey, randomWallet, type Session, signUcan } from "../client/mod.ts";
import { type Load, median, run } from "./load.ts";
import type { ServerProcess } from "./server_process.ts";

export interface Case {
  readonly name: string;
  readonly kind: "get" | "put" | "list" | "delegate" | "mixed";
  readonly connections: number;
  /** Of a put's value; of a list: how many keys it has. */
  readonly size?: number;
  /** Of the usual number of requests. */
  readonly share: number;
}

const SMALL = [1, 32, 256].flatMap((connections): Case[] => {
  const share = connections === 1 ? 1 / 4 : 1;
  return [
    { name: "get 1 KiB", kind: "get", connections, share },
    { name: "put 1 KiB", kind: "put", connections, size: 1024, share },
    { name: "put 64 KiB", kind: "put", connections, size: 65_536, share: 1 / 8 },
    { name: "list of 10 keys", kind: "list", connections, size: 10, share },
  ];
});

export const CASES: readonly Case[] = [
  ...SMALL,
  { name: "list of 1,000 keys", kind: "list", connections: 32, size: 1_000, share: 1 / 10 },
  { name: "list of 100,000 keys", kind: "list", connections: 4, size: 100_000, share: 1 / 400 },
  { name: "delegate", kind: "delegate", connections: 32, share: 1 / 2 },
  { name: "nine gets, one put", kind: "mixed", connections: 32, share: 1 },
];

/** Medians of the rounds. */
export interface Row extends Case {
  readonly bare: Load;
  readonly node: Load;
  readonly ratio: number;
}

/** A session on a node that has the keys that the cases ask for. */
export async function prepared(node: ServerProcess): Promise<Session> {
  const session = await connect(node.url).signIn(randomWallet());
  const contentType = "application/octet-stream";
  await session.put("get", new Uint8Array(1024).fill(120), { contentType });
  return session;
}

export async function measure(
  one: Case,
  rounds: number,
  requests: number,
  bare: ServerProcess,
  node: ServerProcess,
  session: Session,
): Promise<Row> {
  const count = Math.max(4, Math.ceil(requests * one.share));
  await round(one, Math.ceil(count / 4), bare, node, session); // warms both up
  const found: { bare: Load; node: Load }[] = [];
  for (let at = 0; at < rounds; at++) found.push(await round(one, count, bare, node, session));
  const ratio = median(
    found.map(({ bare, node }) => node.microsecondsOfCpu / Math.max(1, bare.microsecondsOfCpu)),
  );
  return {
    ...one,
    bare: medians(found.map(({ bare }) => bare)),
    node: medians(found.map(({ node }) => node)),
    ratio,
  };
}

function medians(loads: readonly Load[]): Load {
  const of = (name: keyof Load) => median(loads.map((load) => load[name]));
  return {
    microsecondsOfCpu: of("microsecondsOfCpu"),
    perSecond: of("perSecond"),
    p50: of("p50"),
    p99: of("p99"),
  };
}

async function round(
  one: Case,
  count: number,
  bare: ServerProcess,
  node: ServerProcess,
  session: Session,
): Promise<{ bare: Load; node: Load }> {
  const asked = await Promise.all(
    Array.from({ length: count }, (_, at) => requestOf(one, at, session)),
  );
  const send = (server: ServerProcess, isBare: boolean) => async (at: number) => {
    const { token, body, path, barePath } = asked[at] ?? await requestOf(one, at, session);
    const url = server.url + (isBare ? barePath : path);
    const init = { method: "POST", headers: { authorization: token } };
    const answer = await fetch(url, body === undefined ? init : { ...init, body });
    await answer.bytes();
    if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}`);
  };
  return {
    bare: await run(count, one.connections, bare.cpu, send(bare, true)),
    node: await run(count, one.connections, node.cpu, send(node, false)),
  };
}

interface Asked {
  readonly token: string;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly path: string;
  readonly barePath: string;
}

async function requestOf({ kind, size = 0 }: Case, at: number, session: Session): Promise<Asked> {
  if (kind === "delegate") {
    const to = await randomSessionKey();
    const { header } = await signUcan(session.key, {
      audience: to.did,
      expiration: Math.floor(Date.now() / 1000) + 600,
      proofs: [session.grant.cid],
      attenuations: { [`${session.space}/kv/shared/`]: { "tinycloud.kv/get": [{}] } },
    });
    return { token: header, path: "/delegate", barePath: "/delegate" };
  }
  const isPut = kind === "put" || (kind === "mixed" && at % 10 === 0);
  const ability = isPut ? "put" : kind === "list" ? "list" : "get";
  const key = isPut ? `put/${at % 100}` : kind === "list" ? `list${size}/` : "get";
  const { header } = await session.invocationToken({
    ability: `tinycloud.kv/${ability}`,
    resource: `${session.space}/kv/${key}`,
  });
  return {
    token: header,
    ...(isPut ? { body: new Uint8Array(size || 1024).fill(120) } : {}),
    path: "/invoke",
    barePath: ability === "list" ? `/list/${size}` : `/${ability}`,
  };
}
