// A wire that a test can cut: a TCP proxy on loopback.

export interface TcpProxy extends AsyncDisposable {
  /** `http://127.0.0.1:port`. */
  readonly url: URL;
  /** Breaks every connection, and takes no new one. */
  cut(): Promise<void>;
}

export function startTcpProxy(target: URL): TcpProxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const open = new Set<Deno.TcpConn>();

  async function carry(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    // Either end may break off whenever it likes.
    await from.readable.pipeTo(to.writable).catch(() => {});
  }

  async function join(client: Deno.TcpConn): Promise<void> {
    open.add(client);
    try {
      const server = await Deno.connect({ hostname: target.hostname, port: Number(target.port) });
      open.add(server);
      await Promise.all([carry(client, server), carry(server, client)]);
      open.delete(server);
    } catch {
      close(client);
    } finally {
      open.delete(client);
    }
  }

  const joining = (async () => {
    const all: Promise<void>[] = [];
    for await (const client of listener) all.push(join(client));
    await Promise.all(all);
  })();
  let isCut = false;
  async function cut(): Promise<void> {
    if (!isCut) listener.close();
    isCut = true;
    for (const connection of open) close(connection);
    await joining;
  }
  return { url: new URL(`http://127.0.0.1:${port}`), cut, [Symbol.asyncDispose]: cut };
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}
