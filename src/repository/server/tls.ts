// TLS to a database server, in the words of the platform that both drivers take.

import type { ServerTls } from "../../config/server_url.ts";

export interface TlsOptions {
  readonly rejectUnauthorized: boolean;
  readonly ca?: string;
  readonly checkServerIdentity?: () => undefined;
}

/** Throws what the system says of a file that cannot be read. */
export async function tlsOptions(tls: ServerTls): Promise<TlsOptions> {
  return {
    rejectUnauthorized: tls.verifiesCertificate,
    ...(tls.caFile === undefined ? {} : { ca: await Deno.readTextFile(tls.caFile) }),
    ...(tls.verifiesName ? {} : { checkServerIdentity: () => undefined }),
  };
}
