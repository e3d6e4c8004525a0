// A client that stops in the middle of an upload and stays: node's URL, token, declared bytes, sent
// bytes. It prints `sent`, then waits to be killed.

const [url = "", token = "", declared = "", sent = ""] = Deno.args;
const { hostname, port } = new URL(url);
const connection = await Deno.connect({ hostname, port: Number(port) });
const head = `POST /invoke HTTP/1.1\r\nHost: node\r\nAuthorization: ${token}\r\n` +
  `Content-Length: ${declared}\r\n\r\n`;
const writer = connection.writable.getWriter();
await writer.write(new TextEncoder().encode(head));
await writer.write(new Uint8Array(Number(sent)));
Deno.stdout.writeSync(new TextEncoder().encode("sent\n"));
await connection.read(new Uint8Array(1));
