// Sends bad tokens from a hundred addresses of this machine, each as soon as the one before it is
// answered: `flood.program.ts PORT SECONDS CONNECTIONS`. Prints what was answered, as JSON.

import { connect } from "node:net";
import { randomSessionKey, signUcan } from "../../client/mod.ts";

const ADDRESSES = 100;

const [port = 0, seconds = 0, connections = 1] = Deno.args.map(Number);
const end = Date.now() + seconds * 1000;
const answers: Record<string, number> = {};

/** A token whose signature must be checked and does not fit; no two alike. */
async function spoiler(): Promise<() => string> {
  const key = await randomSessionKey();
  const { header } = await signUcan(key, {
    audience: key.did,
    expiration: Math.floor(Date.now() / 1000) + 240,
    attenuations: {
      "tinycloud:pkh:eip155:1:0x0000000000000000000000000000000000000000:default/kv/a": {
        "tinycloud.kv/get": [{}],
      },
    },
  });
  const signature = header.lastIndexOf(".") + 1;
  let count = 0;
  return () => {
    const mark = (count++).toString(36).padStart(8, "A");
    return header.slice(0, signature) + mark + header.slice(signature + mark.length);
  };
}

/** One connection that asks until the time is over. */
function lane(localAddress: string, token: () => string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, localAddress });
    const ask = () =>
      socket.write(
        `POST /invoke HTTP/1.1\r\nHost: node\r\nAuthorization: ${token()}\r\nContent-Length: 0\r\n\r\n`,
      );
    socket.on("connect", ask);
    socket.on("data", (data) => {
      const status = data.toString("latin1", 9, 12);
      answers[status] = (answers[status] ?? 0) + 1;
      if (Date.now() < end) ask();
      else socket.destroy();
    });
    socket.on("error", () => {
      answers.broken = (answers.broken ?? 0) + 1;
    });
    socket.on("close", () => resolve());
  });
}

const token = await spoiler();
const lanes: Promise<void>[] = [];
for (let at = 0; at < connections; at++) {
  lanes.push(lane(`127.0.1.${1 + at % ADDRESSES}`, token));
}
await Promise.all(lanes);
Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(answers)}\n`));
