/**
 * Where do durable commits run: in the request's isolate or in a writer Worker? (Decision 0001.)
 *
 * deno run -A bench/commit_placement.ts serve bare|A|B <folder>       prints its port and pid
 * deno run -A bench/commit_placement.ts load <port> <pid> <readers> <writers>
 *
 * bare: header in, same bytes out. A: commits in the request's isolate. B: commits in a Worker.
 * A load keeps so many connections busy without a pause, measures two seconds and prints one line.
 * Keep all servers up and let them take turns, so that the machine's noise meets all alike.
 */
import { createHash, createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { DatabaseSync } from "node:sqlite";

type Put = { guard: Uint8Array; token: string; key: string; value: Uint8Array; hash: Uint8Array };
type Outcomes = boolean[];
type Opened = {
  db: DatabaseSync;
  commit(p: Put[], guards: Uint8Array): Outcomes | Promise<Outcomes>;
};

const KEYS = 512;
const KIB = new Uint8Array(1024);
const PKCS8 = Buffer.from("302e020100300506032b657004220420" + "07".repeat(32), "hex");
const privateKey = createPrivateKey({ key: PKCS8, format: "der", type: "pkcs8" });
const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(text + "\n"));
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

function tokenFor(ability: string, index: number): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const iss = `did:key:z6Mk${"x".repeat(44)}`;
  const att = { [`tinycloud:pkh:eip155:1:0x${"a".repeat(40)}:default/kv/key-${index}`]: ability };
  const rest = { exp: 2e9, nnc: "n".repeat(36), prf: [`bafyr4i${"p".repeat(52)}`], aud: iss };
  const head = part({ alg: "EdDSA", typ: "JWT", ucv: "0.10.0" });
  const text = `${head}.${part({ iss, att, ...rest, pad: "o".repeat(80) })}`;
  return `${text}.${sign(null, Buffer.from(text), privateKey).toString("base64url")}`;
}

function openWriter(path: string) {
  const db = new DatabaseSync(path);
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384;
    CREATE TABLE guards (id BLOB PRIMARY KEY, expires INTEGER) WITHOUT ROWID;
    CREATE TABLE revocations (cid TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE events (seq INTEGER PRIMARY KEY, space INTEGER, token TEXT);
    CREATE TABLE sizes (id INTEGER PRIMARY KEY, size INTEGER); -- 1: the space, 2: the node
    CREATE TABLE entries (space INTEGER, key BLOB, hash BLOB, size INTEGER, event INTEGER,
      value BLOB, PRIMARY KEY (space, key));
    INSERT INTO sizes VALUES (1, 0), (2, 0);
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ${KEYS})
    INSERT INTO entries SELECT 1, 'key-' || i, zeroblob(32), 1024, 0, zeroblob(1024) FROM n;`);
  const sql = (text: string) => db.prepare(text);
  const begin = sql("BEGIN IMMEDIATE"), end = sql("COMMIT");
  const savepoint = sql("SAVEPOINT r"), release = sql("RELEASE r"), undo = sql("ROLLBACK TO r");
  const readGuard = sql("INSERT OR IGNORE INTO guards VALUES (?, 2000000000)");
  const guard = sql("INSERT INTO guards VALUES (?, 2000000000)");
  const event = sql("INSERT INTO events (space, token) VALUES (1, ?)");
  const oldSize = sql("SELECT size FROM entries WHERE space = 1 AND key = ?");
  const entry = sql(`INSERT INTO entries VALUES (1, ?, ?, ?, ?, ?) ON CONFLICT (space, key)
    DO UPDATE SET hash = excluded.hash, size = excluded.size, event = excluded.event,
      value = excluded.value`);
  const size = sql(
    "UPDATE sizes SET size = size + ?1 WHERE id = ?2 AND size + ?1 <= 1099511627776",
  );
  const apply = (put: Put): boolean => {
    savepoint.run();
    try {
      guard.run(put.guard);
      const { lastInsertRowid } = event.run(put.token);
      const delta = put.value.length - Number(oldSize.get(put.key)?.size ?? 0);
      entry.run(put.key, put.hash, put.value.length, lastInsertRowid, put.value);
      for (const id of [1, 2]) if (size.run(delta, id).changes !== 1) throw new Error("limit");
      return true;
    } catch {
      undo.run(); // this request alone; its neighbours in the batch stay
      return false;
    } finally {
      release.run();
    }
  };
  const commit = (puts: Put[], guards: Uint8Array): Outcomes => {
    begin.run();
    for (let i = 0; i < guards.length; i += 32) readGuard.run(guards.subarray(i, i + 32));
    const outcomes = puts.map(apply);
    end.run();
    return outcomes;
  };
  return { db, commit };
}

async function open(variant: string, path: string): Promise<Opened> {
  if (variant === "A") return openWriter(path);
  const worker = new Worker(import.meta.url, { type: "module", name: path });
  const reply = () =>
    new Promise<Outcomes>((resolve) => worker.onmessage = ({ data }) => resolve(data));
  await reply(); // it is open
  const commit = (puts: Put[], guards: Uint8Array) => {
    worker.postMessage({ puts, guards });
    return reply();
  };
  return { db: new DatabaseSync(path, { readOnly: true }), commit };
}

/** B's other side. The sender keeps one batch in flight; what comes meanwhile is the next one. */
function runWriter(path: string) {
  // A Worker's own scope has the shape of a Worker; Deno's default types know only the window.
  const sender = globalThis as unknown as Worker;
  const { commit } = openWriter(path);
  sender.onmessage = ({ data }) => sender.postMessage(commit(data.puts, data.guards));
  sender.postMessage([]);
}

async function serve(variant: string, folder: string) {
  const handler = variant === "bare" ? bare : await node(variant, `${folder}/${variant}.db`);
  const onListen = ({ port }: { port: number }) => say(`${port} ${Deno.pid}`);
  Deno.serve({ port: 0, hostname: "127.0.0.1", onListen }, handler);
}

const bearer = (request: Request) => (request.headers.get("authorization") ?? "").slice(7);

async function bare(request: Request): Promise<Response> {
  if (bearer(request) === "") return new Response(null, { status: 401 });
  if (request.method === "GET") return new Response(KIB);
  await request.bytes(); // an unread body would cost the connection
  return new Response("stored");
}

async function node(variant: string, path: string) {
  const { db, commit } = await open(variant, path);
  const publicKey = createPublicKey(privateKey);
  const revoked = db.prepare("SELECT 1 FROM revocations WHERE cid = ?");
  const used = db.prepare("SELECT 1 FROM guards WHERE id = ?");
  const value = db.prepare("SELECT value, hash FROM entries WHERE space = 1 AND key = ?");
  let queue: { put: Put; done(stored: boolean): void }[] = [];
  let pending = new Map<string, Uint8Array>(), inFlight = pending; // reads' guards, not yet durable
  let timer: ReturnType<typeof setTimeout> | undefined, busy = false, serial = 0;

  async function pump() {
    if (busy) return; // the loop below takes what came meanwhile
    busy = true;
    do {
      // Requests waiting in the sockets join this commit: look again as long as the queue grows.
      for (let seen = 0; queue.length > seen && queue.length < 256;) {
        seen = queue.length;
        await new Promise((resolve) => setImmediate(resolve));
      }
      const batch = queue;
      [queue, inFlight, pending] = [[], pending, new Map()];
      const answer = commit(batch.map(({ put }) => put), Buffer.concat([...inFlight.values()]));
      const outcomes = answer instanceof Promise ? await answer : answer;
      inFlight = new Map();
      batch.forEach(({ done }, i) => done(outcomes[i] ?? false));
    } while (queue.length > 0 || pending.size >= 256);
    busy = false;
    if (pending.size > 0) wake();
  }
  function wake() { // a read's guard rides in the next commit, or goes alone after 20 ms
    timer ??= setTimeout(() => (timer = undefined, pump()), 20);
  }

  return async (request: Request): Promise<Response> => {
    const token = bearer(request), first = token.indexOf("."), dot = token.lastIndexOf(".");
    const signature = Buffer.from(token.slice(dot + 1), "base64url");
    const valid = verify(null, Buffer.from(token.slice(0, dot)), publicKey, signature);
    if (!valid) return new Response(null, { status: 401 });
    const claims = JSON.parse(Buffer.from(token.slice(first + 1, dot), "base64url").toString());
    const resource = Object.keys(claims.att)[0] ?? "";
    const key = resource.slice(resource.lastIndexOf("/") + 1);
    if (revoked.get(claims.prf[0])) return new Response(null, { status: 401 });
    // The clients use a pool of tokens again and again; the serial number makes each use a new one.
    const guard = createHash("sha256").update(token).update(`${serial++}`).digest();
    if (request.method === "POST") {
      const body = await request.bytes();
      const hash = createHash("sha256").update(body).digest();
      const stored = await new Promise<boolean>((done) => {
        queue.push({ put: { guard, token, key, value: body, hash }, done });
        pump();
      });
      return new Response("stored", { status: stored ? 200 : 409 });
    }
    const id = guard.toString("latin1");
    if (pending.has(id) || inFlight.has(id) || used.get(guard)) {
      return new Response(null, { status: 409 });
    }
    const row = value.get(key);
    pending.set(id, guard);
    if (pending.size >= 256) pump();
    else wake();
    return new Response(row?.value instanceof Uint8Array ? new Uint8Array(row.value) : null);
  };
}

async function load(port: number, pid: string, readers: number, writers: number) {
  const request = (ability: string, head: string, body: string) =>
    Array.from({ length: KEYS }, (_, i) => {
      const text = `${head} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tokenFor(ability, i)}`;
      return new TextEncoder().encode(`${text}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    });
  const times = { get: Array<number>(), put: Array<number>() };
  let phase = "warm";
  async function connection(requests: Uint8Array[], into: number[]) {
    using socket = await Deno.connect({ port, hostname: "127.0.0.1" });
    const buffer = new Uint8Array(8192);
    let answerBytes = 0; // all answers to one kind of request are equally long
    for (let i = Math.floor(Math.random() * KEYS); phase !== "over"; i++) {
      const bytes = requests[i % KEYS] ?? KIB, start = performance.now();
      for (let sent = 0; sent < bytes.length;) sent += await socket.write(bytes.subarray(sent));
      for (let got = 0; got === 0 || got < answerBytes;) {
        got += await socket.read(buffer.subarray(got)) ?? NaN;
        const text = answerBytes ? "" : new TextDecoder().decode(buffer.subarray(0, got));
        const length = /^HTTP\/1.1 200[^]*content-length: (\d+)[^]*?\r\n\r\n/i.exec(text);
        if (length) answerBytes = length[0].length + Number(length[1]);
        if (!answerBytes || buffer[9] !== 0x32) throw new Error(`an answer is not 200: ${text}`);
      }
      if (phase === "measure") into.push(performance.now() - start);
    }
  }
  const cpuMicroseconds = () => {
    const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 1e4; // utime, stime in ticks of 10 ms
  };
  const gets = request("get", "GET /invoke", ""),
    puts = request("put", "POST /invoke", "v".repeat(1024));
  const all = [
    ...Array.from({ length: readers }, () => connection(gets, times.get)),
    ...Array.from({ length: writers }, () => connection(puts, times.put)),
  ];
  await sleep(800);
  phase = "measure";
  const before = cpuMicroseconds(), start = performance.now();
  await sleep(2000);
  phase = "over";
  const cpu = cpuMicroseconds() - before, seconds = (performance.now() - start) / 1000;
  await Promise.all(all);
  const summary = (ms: number[]) => {
    if (ms.length === 0) return "none";
    ms.sort((a, b) => a - b);
    const [p50, p99, max] = [0.5, 0.99, 1].map((q) => ms[Math.ceil(ms.length * q) - 1]?.toFixed(2));
    return `${(ms.length / seconds).toFixed(0)}/s p50 ${p50} p99 ${p99} max ${max} ms`;
  };
  const micros = cpu / (times.get.length + times.put.length);
  say(`CPU µs/request ${micros.toFixed(0)}  get ${summary(times.get)}  put ${summary(times.put)}`);
}

const [role, ...args] = Deno.args;
if (self.name) runWriter(self.name);
else if (role === "serve") await serve(args[0] ?? "", args[1] ?? "");
else await load(Number(args[0]), args[1] ?? "", Number(args[2]), Number(args[3]));
