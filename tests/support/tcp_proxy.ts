// A wire that a test can cut: a TCP proxy on loopback, which can also hold bytes back, lose them, or
// break off at a word that either side says.

export type Side = "client" | "server";

/**
 * What becomes of a piece of bytes: it passes, is lost, or the connection breaks before it passes.
 * A promise delays it, and all that follows from that side.
 */
export type Verdict = "pass" | "drop" | "cut";

/** One connection, as its judge knows it. */
export interface Wire {
  /** From 1 on, in the order in which they were made. */
  readonly number: number;
  /** The last piece that the client sent, judged or being judged. */
  readonly asked: Uint8Array;
}

export type Judge = (from: Side, bytes: Uint8Array, wire: Wire) => Verdict | Promise<Verdict>;

export interface TcpProxy extends AsyncDisposable {
  /** `http://127.0.0.1:port`. */
  readonly url: URL;
  readonly port: number;
  /** Connections that were made so far. */
  readonly count: number;
  /** Judges every piece from now on, of old connections too; undefined lets all pass. */
  judge(judge: Judge | undefined): void;
  /** From now on nothing passes, either way, until `resume`; new connections are taken. */
  pause(): void;
  resume(): void;
  /** Breaks every connection; new ones may be made. */
  disconnect(): void;
  /** Breaks every connection, and takes no new one. */
  cut(): Promise<void>;
}

const PIECE = 64 * 1024;

export function startTcpProxy(target: URL): TcpProxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const open = new Set<Deno.TcpConn>();
  let count = 0;
  let judging: Judge | undefined;
  let paused: PromiseWithResolvers<void> | undefined;

  /** Until either end breaks off, which it may whenever it likes. */
  async function carry(from: Deno.TcpConn, to: Deno.TcpConn, side: Side, wire: Asked) {
    const buffer = new Uint8Array(PIECE);
    while (true) {
      const length = await from.read(buffer);
      if (length === null) break;
      const bytes = buffer.slice(0, length);
      if (side === "client") wire.asked = bytes;
      while (paused !== undefined) await paused.promise;
      const verdict = await judging?.(side, bytes, wire) ?? "pass";
      if (verdict === "cut") throw new Error("cut");
      if (verdict === "pass") await written(to, bytes);
    }
    await to.closeWrite();
  }

  async function join(client: Deno.TcpConn): Promise<void> {
    const wire = { number: ++count, asked: new Uint8Array() };
    const ends = [client];
    open.add(client);
    try {
      const server = await Deno.connect({ hostname: target.hostname, port: Number(target.port) });
      ends.push(server);
      open.add(server);
      await Promise.all([
        carry(client, server, "client", wire),
        carry(server, client, "server", wire),
      ]);
    } catch {
      // It was cut, here or beyond.
    } finally {
      for (const end of ends) {
        close(end);
        open.delete(end);
      }
    }
  }

  const joining = (async () => {
    const all: Promise<void>[] = [];
    for await (const client of listener) all.push(join(client));
    await Promise.all(all);
  })();
  const disconnect = () => {
    for (const connection of open) close(connection);
  };
  const resume = () => {
    paused?.resolve();
    paused = undefined;
  };
  let isCut = false;
  async function cut(): Promise<void> {
    if (!isCut) listener.close();
    isCut = true;
    disconnect();
    resume();
    await joining;
  }
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    port,
    get count() {
      return count;
    },
    judge: (judge) => void (judging = judge),
    pause: () => void (paused ??= Promise.withResolvers()),
    resume,
    disconnect,
    cut,
    [Symbol.asyncDispose]: cut,
  };
}

interface Asked {
  readonly number: number;
  asked: Uint8Array;
}

/** Lets everything pass but the pieces of one side after so many bytes of it. */
export function losesAfter(side: Side, bytes: number): Judge {
  let left = bytes;
  return (from, piece) => from !== side || (left -= piece.length) >= 0 ? "pass" : "drop";
}

/** Whether a word stands in a piece: statements without values go over the wire as they are. */
export function says(bytes: Uint8Array, word: string): boolean {
  return new TextDecoder("latin1").decode(bytes).includes(word);
}

async function written(to: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await to.write(bytes.subarray(done));
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}
