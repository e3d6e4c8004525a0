/**
 * The ways in: signing in with a wallet, using a delegation, opening a share link (clients §1.2).
 */
import { signCacao } from "./cacao.ts";
import { type Accepted, type Grant, postDelegation, postRevocation } from "./delegation.ts";
import { textWithin, TinyCloudError } from "./errors.ts";
import { randomSessionKey, type SessionKey, sessionKeyFromSeed } from "./keys.ts";
import { resourceUri, spaceId } from "./names.ts";
import { attenuation, type Attenuations } from "./recap.ts";
import { Session } from "./session.ts";
import { parseShareLink } from "./share_link.ts";
import { badAnswer, isObject, jsonOf, Transport } from "./transport.ts";
import type { Wallet } from "./wallet.ts";

/** How to reach a node. */
export interface ConnectOptions {
  /** Instead of the runtime's own. */
  readonly fetch?: typeof fetch;
}

/** How to sign in. */
export interface SignInOptions {
  /** Left out: `default`. */
  readonly spaceName?: string;
  /** Left out: an hour, 3600. */
  readonly expiresInSeconds?: number;
  /** Left out: a fresh one. */
  readonly key?: SessionKey;
  /** Who the message says is asking; in browsers the page. Left out: the node's host name. */
  readonly domain?: string;
  /** False: fail with `space_not_found` instead of creating the space. */
  readonly host?: boolean;
  /** Left out: all of the space's `kv`, and to read and revoke its delegations. */
  readonly attenuations?: Attenuations;
}

/** What a node says of itself. */
export interface NodeInfo {
  readonly protocol: number;
  readonly version: string;
  readonly features: readonly unknown[];
}

/** A node; nothing is sent until it is asked for. Throws a TypeError if `url` is none. */
export function connect(url: string, options: ConnectOptions = {}): Connection {
  return new Connection(new Transport(url, options.fetch));
}

/**
 * The session that a share link gives, at the node the link names: that address is the sharer's
 * choice, so a server that opens strangers' links should pass its own `url`.
 */
export async function openShare(
  link: string,
  options: ConnectOptions & { readonly url?: string } = {},
): Promise<Session> {
  const { seed, kid, host, delegation } = parseShareLink(link);
  const key = await sessionKeyFromSeed(seed, kid);
  return connect(options.url ?? host, options).use(key, delegation);
}

/** Methods throw a `TinyCloudError` on any refusal. */
export class Connection {
  readonly transport: Transport;
  #info: NodeInfo | undefined;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  /** Asked once. Throws `protocol_mismatch` for a protocol other than 1. */
  async info(): Promise<NodeInfo> {
    return this.#info ??= await this.#fetchInfo();
  }

  /**
   * Has the wallet let a session key act on one of its spaces, and creates that space if the node
   * does not host it yet; that takes a second signature.
   */
  async signIn(wallet: Wallet, options: SignInOptions = {}): Promise<Session> {
    await this.info();
    const key = options.key ?? await randomSessionKey();
    const space = spaceId(wallet.did, options.spaceName);
    const lifetime = (options.expiresInSeconds ?? 3600) * 1000;
    const expiresAt = new Date(Date.now() + lifetime).toISOString();
    const { header, cid } = await signCacao(wallet, {
      domain: options.domain ?? this.transport.domain,
      uri: key.didUrl,
      expirationTime: expiresAt,
      attenuations: options.attenuations ?? sessionAttenuations(space),
    });
    let hosted = await this.#activates(header, space);
    if (!hosted && options.host !== false) {
      await this.hostSpace(wallet, space, options.domain);
      hosted = await this.#activates(header, space);
    }
    if (!hosted) throw new TinyCloudError(404, "space_not_found", "Space not found");
    return new Session(this.transport, key, { cid, space, expiresAt }, wallet);
  }

  /** Creates a space that the wallet owns; nothing changes if it exists. */
  async hostSpace(wallet: Wallet, space: string, domain = this.transport.domain): Promise<void> {
    const path = `/peer/generate/${encodeURIComponent(space)}`;
    const peer = await textWithin(await this.transport.call("GET", path), 1024);
    const attenuations = attenuation(resourceUri(space, "space"), ["tinycloud.space/host"]);
    const { header } = await signCacao(wallet, { domain, uri: peer, attenuations });
    await this.delegate(header);
  }

  /** Posts any delegation, a CACAO's or a UCAN's header form. */
  delegate(header: string): Promise<Accepted> {
    return postDelegation(this.transport, header);
  }

  /** A session of `key` under a delegation that names it. Nothing is sent. */
  use(key: SessionKey, grant: Grant): Session {
    return new Session(this.transport, key, grant);
  }

  /** Ends a delegation by the wallet's own word, without a session. */
  async revoke(wallet: Wallet, cid: string): Promise<void> {
    const { header } = await signCacao(wallet, {
      domain: this.transport.domain,
      uri: `ucan:${cid}`,
      expirationTime: new Date(Date.now() + 300_000).toISOString(),
    });
    await postRevocation(this.transport, header);
  }

  async #activates(header: string, space: string): Promise<boolean> {
    try {
      const { skipped } = await this.delegate(header);
      return !skipped.includes(space);
    } catch (error) {
      if (error instanceof TinyCloudError && error.isSpaceNotFound) return false;
      throw error;
    }
  }

  async #fetchInfo(): Promise<NodeInfo> {
    let response = await this.transport.send("GET", "/info");
    if (response.status === 404) {
      await response.body?.cancel();
      response = await this.transport.call("GET", "/version");
    }
    if (!response.ok) throw await TinyCloudError.of(response);
    const info = await jsonOf(response);
    if (!isObject(info) || typeof info.version !== "string" || !Array.isArray(info.features)) {
      throw badAnswer(response, "does not describe a TinyCloud node");
    }
    if (info.protocol !== 1) {
      const message = `This client speaks protocol 1, the node ${String(info.protocol)}`;
      throw new TinyCloudError(0, "protocol_mismatch", message);
    }
    return { protocol: 1, version: info.version, features: info.features };
  }
}

/** What a session may do unless told otherwise. */
function sessionAttenuations(space: string): Attenuations {
  const kv = ["put", "get", "del", "list", "metadata"].map((name) => `tinycloud.kv/${name}`);
  return {
    ...attenuation(resourceUri(space, "kv"), kv),
    ...attenuation(resourceUri(space, "capabilities"), ["tinycloud.capabilities/read"]),
    ...attenuation(resourceUri(space, "delegation"), ["tinycloud.delegation/revoke"]),
  };
}
