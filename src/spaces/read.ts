// Reading a key: its value, or what is known of it (wire §6).

import type { Capability } from "../capabilities/delegation.ts";
import type { Entry } from "../repository/repository.ts";
import type { Authorized } from "./authorize.ts";
import { type ByteStream, openContent } from "./content.ts";
import type { Place } from "./place.ts";
import type { Ports } from "./ports.ts";
import { readRefusal } from "./refusals.ts";

export async function metadata(
  invocation: Authorized,
  { space, key }: Place,
  ports: Ports,
): Promise<Entry> {
  const read = { ...invocation.guards, space, key };
  const outcome = await ports.repository.admitRead(read);
  if (outcome.kind === "admitted" && outcome.entry !== undefined) return outcome.entry;
  throw readRefusal(outcome, invocation, ports);
}

export async function get(
  invocation: Authorized,
  { space, key }: Place,
  ports: Ports,
  report: (entry: Entry) => void,
): Promise<{ entry: Entry; body: Uint8Array | ByteStream }> {
  const entry = await metadata(invocation, { space, key }, ports);
  try {
    return await openContent(space, key, entry, ports, report);
  } catch (error) {
    // Only an answer with 2xx uses a token up.
    await ports.repository.releaseRead(invocation.guards.use);
    throw error;
  }
}

/** What an ability that this node does not know answers: nothing, to those who may (wire §6). */
export async function nothing(
  invocation: Authorized,
  { resource }: Capability,
  ports: Ports,
): Promise<void> {
  const outcome = await ports.repository.admitRead({
    ...invocation.guards,
    ...(resource.kind === "space" ? { space: resource.space } : {}),
  });
  if (outcome.kind !== "admitted") throw readRefusal(outcome, invocation, ports);
}
