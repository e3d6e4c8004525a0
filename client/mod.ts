/**
 * TinyCloud for apps: sign in with a wallet, keep values, share them. `README.md` shows how.
 */
export * from "./cacao.ts";
export * from "./cid.ts";
export * from "./connection.ts";
export type * from "./delegation.ts";
export { TinyCloudError } from "./errors.ts";
export * from "./keys.ts";
export { resourceUri, spaceId } from "./names.ts";
export * from "./recap.ts";
export * from "./session.ts";
export * from "./share_link.ts";
export * from "./siwe.ts";
export type { Body, Outgoing } from "./transport.ts";
export { Transport } from "./transport.ts";
export * from "./ucan.ts";
export type * from "./values.ts";
export * from "./wallet.ts";
