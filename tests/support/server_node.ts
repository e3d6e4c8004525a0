// Nodes on a database server, in this process.

import { startTestNode, type TestNode, type TestNodeOptions } from "./node.ts";
import { onPort, type TestDatabase } from "./servers.ts";
import type { TcpProxy } from "./tcp_proxy.ts";

/** Of all nodes that share a database. */
export const NODE_SECRET = "c2VjcmV0IG9mIHRoZSBub2RlcyB0aGF0IHRlc3RzIHN0YXJ0IHRvZ2V0aGVy";

/** A node on this database, by way of the proxy if there is one. */
export function startServerNode(
  { text }: Pick<TestDatabase, "text">,
  { by, env, ...options }: TestNodeOptions & { readonly by?: TcpProxy } = {},
): Promise<TestNode> {
  return startTestNode({
    ...options,
    env: {
      TINYCLOUD_STORAGE_DATABASE: by === undefined ? text : onPort(text, by.port),
      TINYCLOUD_KEYS_SECRET: NODE_SECRET,
      ...env,
    },
  });
}

/** Where the proxy of a database stands before. */
export function serverOf({ text }: Pick<TestDatabase, "text">): URL {
  const { hostname, port, protocol } = new URL(text);
  return new URL(`http://${hostname}:${port || (protocol.startsWith("my") ? 3306 : 5432)}`);
}
