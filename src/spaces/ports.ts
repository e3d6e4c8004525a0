// What the use cases stand on, put together by node.ts.

import type { Blocks } from "../blocks/blocks.ts";
import type { Staging } from "../blocks/staging.ts";
import type { HostKeys } from "../keys/host_keys.ts";
import type { Repository } from "../repository/repository.ts";
import type { Clock } from "../telemetry/clock.ts";
import type { Admission } from "./admission.ts";

export interface Ports {
  readonly repository: Repository;
  readonly blocks: Blocks;
  readonly staging: Staging;
  readonly keys: HostKeys;
  readonly clock: Clock;
  readonly admission: Admission;
  readonly rules: Rules;
}

/** The operator's choices that decide over requests. Bytes, seconds. */
export interface Rules {
  readonly maxInvocationLifetime: number;
  readonly maxDelegationLifetime: number | undefined;
  readonly keyOwners: boolean;
  readonly spacesPerOwner: number;
  readonly spaces: number;
  readonly spaceDelegations: number;
  readonly delegatorDelegations: number;
  readonly maxObject: number;
  readonly spaceLimit: number | undefined;
  readonly totalLimit: number | undefined;
  readonly inlineLimit: number;
}
