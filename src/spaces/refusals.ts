// What a store refused, as the wire tells it (wire §6 and §10).

import { NodeError } from "../errors.ts";
import type { ApplyOutcome, ReadOutcome } from "../repository/repository.ts";
import { type Authorized, refusalOf } from "./authorize.ts";
import type { Ports } from "./ports.ts";

export function readRefusal(
  outcome: ReadOutcome,
  invocation: Authorized,
  ports: Ports,
): NodeError {
  switch (outcome.kind) {
    case "noSpace":
      return new NodeError("space_not_found");
    case "closed":
      return new NodeError("space_blocked");
    case "noKey":
      return new NodeError("key_not_found");
    case "admitted":
      return new NodeError("internal", undefined, { cause: outcome });
    default:
      return refusalOf(outcome, invocation, ports);
  }
}

export function applyRefusal(
  outcome: Exclude<ApplyOutcome, { kind: "applied" }>,
  key: string,
  invocation: Authorized,
  ports: Ports,
): NodeError {
  switch (outcome.kind) {
    case "noSpace":
      return new NodeError("space_not_found");
    case "closed":
      return new NodeError("space_blocked");
    case "noKey":
      return new NodeError("key_not_deleted", `No Such Key: ${key}`);
    case "preconditionFailed":
      return new NodeError("precondition_failed");
    case "overLimit":
      return overLimit(outcome.used, outcome.limit, outcome.full);
    case "condemned":
      return new NodeError("storage_unavailable", undefined, { cause: outcome });
    default:
      return refusalOf(outcome, invocation, ports);
  }
}

export function tooLarge({ maxObject }: Ports["rules"]): NodeError {
  return new NodeError("object_too_large", `Value exceeds maximum of ${maxObject} bytes`);
}

export function overLimit(used: number, limit: number, full: boolean): NodeError {
  const numbers = `Used: ${used} bytes, Limit: ${limit} bytes`;
  return full
    ? new NodeError("quota_exceeded", `Storage quota exceeded. ${numbers}`)
    : new NodeError("quota_would_exceed", `Write exceeds remaining storage. ${numbers}`);
}
