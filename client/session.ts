/**
 * A session: one key acting on one space under one delegation. Sign-in makes one for a whole
 * space of one's own; a received delegation or an opened share link makes a narrower one.
 */
import { bytesToHex, randomBytes } from "@noble/hashes/utils.js";
import { signCacao } from "./cacao.ts";
import {
  type Delegation,
  delegationEntries,
  type DelegationEntry,
  type Grant,
  isTexts,
  postDelegation,
  postRevocation,
} from "./delegation.ts";
import { TinyCloudError } from "./errors.ts";
import { type SessionKey, sessionKeyFromSeed } from "./keys.ts";
import { abilityName, checkedKey, resourceUri } from "./names.ts";
import { attenuation } from "./recap.ts";
import { formatShareLink } from "./share_link.ts";
import { badAnswer, type Body, jsonOf, type Outgoing, type Transport } from "./transport.ts";
import { signUcan, type Ucan, type UcanFields, type UcanOverrides } from "./ucan.ts";
import {
  putHeaders,
  type PutOptions,
  type Value,
  type ValueInfo,
  valueInfo,
  type ValueStream,
} from "./values.ts";
import type { Wallet } from "./wallet.ts";

const INVOCATION_SECONDS = 60;
const HOUR_SECONDS = 60 * 60;
const DAY_SECONDS = 24 * 60 * 60;

/** What to invoke. Everything a UCAN says can be set, too; `attenuations` replaces the pair. */
export interface Invocation extends Partial<UcanFields> {
  /** In full: `tinycloud.kv/get`. */
  readonly ability: string;
  readonly resource: string;
}

/** What to pass on, and to whom. */
export interface DelegateOptions {
  /** The receiver's DID. */
  readonly to: string;
  /** Left out: the whole service. A folder ends in `/`. */
  readonly path?: string;
  /** `get`, or in full `tinycloud.kv/get`. */
  readonly abilities: readonly string[];
  /** Left out: until this session ends, or a day if it never does. */
  readonly expiresInSeconds?: number;
  /** Left out: `kv`. */
  readonly service?: string;
}

/** Which delegations to list; all of what is set must hold. */
export interface DelegationFilter {
  readonly direction?: "created" | "received" | "all";
  /** The beginning of a path. */
  readonly path?: string;
  /** In full: `tinycloud.kv/get`. */
  readonly actions?: readonly string[];
}

/** Made by `signIn`, `use` and `openShare`. Methods throw a `TinyCloudError` on any refusal. */
export class Session {
  readonly key: SessionKey;
  readonly space: string;
  /** The delegation this session acts under. */
  readonly cid: string;
  readonly grant: Grant;
  readonly #transport: Transport;
  readonly #wallet: Wallet | undefined;

  constructor(transport: Transport, key: SessionKey, grant: Grant, wallet?: Wallet) {
    this.key = key;
    this.space = grant.space;
    this.cid = grant.cid;
    this.grant = grant;
    this.#transport = transport;
    this.#wallet = wallet;
  }

  /** Stores a value in place of the key's earlier one, headers too; an old node gives no ETag. */
  async put(key: string, body: Body, options: PutOptions = {}): Promise<{ etag: string }> {
    const headers = putHeaders(options);
    const response = await this.#kv("put", key, { body, headers, signal: options.signal });
    await response.body?.cancel();
    return { etag: response.headers.get("etag") ?? "" };
  }

  /** The value of a key, in memory; undefined if it holds none. */
  async get(key: string): Promise<Value | undefined> {
    const stream = await this.getStream(key);
    if (stream === undefined) return undefined;
    const { body, ...info } = stream;
    const bytes = new Uint8Array(await new Response(body).arrayBuffer());
    return { ...info, size: bytes.length, bytes, text: () => new TextDecoder().decode(bytes) };
  }

  /** The value of a key as it arrives; undefined if it holds none. */
  async getStream(key: string, signal?: AbortSignal): Promise<ValueStream | undefined> {
    const response = await ifFound(this.#kv("get", key, { signal }));
    return response && {
      ...valueInfo(response, "content-length"),
      body: response.body ?? new Blob().stream(),
    };
  }

  /** What is known of a key's value without its bytes; undefined if it holds none. */
  async head(key: string): Promise<ValueInfo | undefined> {
    const response = await ifFound(this.#kv("metadata", key));
    await response?.body?.cancel();
    return response && valueInfo(response, "x-tinycloud-content-length");
  }

  /** The keys that begin with `prefix`, in byte order; left out: all that this session covers. */
  async list(prefix = this.grant.path ?? ""): Promise<readonly string[]> {
    const response = await this.#kv("list", prefix);
    const keys = await jsonOf(response);
    if (!isTexts(keys)) throw badAnswer(response, "to a list has another shape");
    return keys;
  }

  /** Deletes a key's value. False if it held none. */
  async delete(key: string, options: Pick<PutOptions, "ifMatch"> = {}): Promise<boolean> {
    const response = await ifFound(this.#kv("del", key, { headers: putHeaders(options) }));
    await response?.body?.cancel();
    return response !== undefined;
  }

  /** Lets another key do some of what this one may, and tells the node. */
  async delegate(options: DelegateOptions): Promise<Delegation> {
    const { to, path, service = "kv" } = options;
    const abilities = options.abilities.map((name) => abilityName(service, name));
    const expiration = this.#end(options.expiresInSeconds);
    const resource = resourceUri(this.space, service, path);
    const { header, cid } = await signUcan(this.key, {
      audience: to,
      expiration,
      proofs: [this.cid],
      attenuations: attenuation(resource, abilities),
    });
    await postDelegation(this.#transport, header);
    const expiresAt = new Date(expiration * 1000).toISOString();
    return { cid, header, to, space: this.space, service, path, abilities, expiresAt };
  }

  /** A link with which anyone can read `path`, or do there what `abilities` say. */
  async shareLink(
    path: string,
    options: { abilities?: readonly string[]; expiresInSeconds?: number } = {},
  ): Promise<{ link: string; delegation: Delegation }> {
    const seed = randomBytes(32);
    const key = await sessionKeyFromSeed(seed, `share:${Date.now()}:${bytesToHex(randomBytes(4))}`);
    const delegation = await this.delegate({
      abilities: ["get", "metadata"],
      ...options,
      to: key.did,
      path,
    });
    const link = formatShareLink({ seed, host: this.#transport.url, delegation }, key.jwk);
    return { link, delegation };
  }

  /**
   * A session under a delegation received. If it names this session's wallet instead of its key,
   * the wallet passes it on to the key, for an hour at most.
   */
  async use(delegation: Delegation): Promise<Session> {
    const wallet = this.#wallet;
    const receiver = delegation.to.replace(/#.*/, "").toLowerCase();
    if (wallet === undefined || receiver !== wallet.did.toLowerCase()) {
      return new Session(this.#transport, this.key, delegation, wallet);
    }
    const { space, service, path, abilities, expiresAt } = delegation;
    const ends = [Date.parse(expiresAt ?? "") || Infinity, Date.now() + HOUR_SECONDS * 1000];
    const expirationTime = new Date(Math.min(...ends)).toISOString();
    const { header, cid } = await signCacao(wallet, {
      domain: this.#transport.domain,
      uri: this.key.didUrl,
      expirationTime,
      attenuations: attenuation(resourceUri(space, service, path), abilities),
      proofs: [delegation.cid],
    });
    await postDelegation(this.#transport, header);
    return new Session(
      this.#transport,
      this.key,
      { space, path, cid, expiresAt: expirationTime },
      wallet,
    );
  }

  /** The delegations in this space that are valid now, newest first. */
  async delegations(filter: DelegationFilter = {}): Promise<DelegationEntry[]> {
    return await this.#readCapabilities({ type: "list", filters: filter });
  }

  /** A delegation in this space and all it rests on, from it upwards. */
  async delegationChain(cid: string): Promise<DelegationEntry[]> {
    return await this.#readCapabilities({ type: "chain", delegation_cid: cid });
  }

  /** Ends a delegation, and all below it, before its time. */
  async revoke(cid: string): Promise<void> {
    const token = await this.invocationToken({
      ability: "tinycloud.delegation/revoke",
      resource: `urn:cid:${cid}`,
    });
    await postRevocation(this.#transport, token.header);
  }

  /** Sends any invocation; the answer is 2xx, its body still to be read or cancelled. */
  async invoke(
    invocation: Invocation & Omit<Outgoing, "token">,
    overrides?: UcanOverrides,
  ): Promise<Response> {
    const { header: token } = await this.invocationToken(invocation, overrides);
    const { body, headers, signal } = invocation;
    return await this.#transport.call("POST", "/invoke", { token, body, headers, signal });
  }

  /** The token of an invocation, not sent: valid for 60 s, once, under this session. */
  invocationToken(invocation: Invocation, overrides?: UcanOverrides): Promise<Ucan> {
    return signUcan(this.key, {
      audience: invocation.audience ?? this.key.did,
      expiration: invocation.expiration ?? (Date.now() + INVOCATION_SECONDS * 1000) / 1000,
      notBefore: invocation.notBefore,
      nonce: invocation.nonce,
      facts: invocation.facts,
      proofs: invocation.proofs ?? [this.cid],
      attenuations: invocation.attenuations ??
        attenuation(invocation.resource, [invocation.ability]),
    }, overrides);
  }

  async #kv(name: string, key: string, outgoing: Outgoing = {}): Promise<Response> {
    const ability = abilityName("kv", name);
    const resource = resourceUri(this.space, "kv", checkedKey(key));
    return await this.invoke({ ...outgoing, ability, resource });
  }

  async #readCapabilities(params: Record<string, unknown>): Promise<DelegationEntry[]> {
    return await delegationEntries(
      await this.invoke({
        ability: "tinycloud.capabilities/read",
        resource: resourceUri(this.space, "capabilities", "all"),
        facts: [{ capabilitiesReadParams: params }],
      }),
    );
  }

  /** In whole seconds since 1970, rounded down so that no child outlives its parent. */
  #end(seconds?: number): number {
    const { expiresAt } = this.grant;
    const end = seconds === undefined && expiresAt !== undefined
      ? Date.parse(expiresAt)
      : Date.now() + (seconds ?? DAY_SECONDS) * 1000;
    return Math.floor(end / 1000);
  }
}

/**
 * Undefined in place of the refusal that a key holds nothing. Only by its code: the 404 of a proxy
 * or of a space that is not hosted says nothing about the key.
 */
async function ifFound(answer: Promise<Response>): Promise<Response | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof TinyCloudError && /^key_not_(found|deleted)$/.test(error.code)) {
      return undefined;
    }
    throw error;
  }
}
