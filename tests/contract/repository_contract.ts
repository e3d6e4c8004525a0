// The promises of the repository port, each a case (src/repository/repository.ts). A back-end's
// test file is one call with a way to open an empty store. Every case ends with a clean `check`.

import assert from "node:assert/strict";
import type { Repository } from "../../src/repository/repository.ts";
import { NodeError } from "../../src/errors.ts";
import { blockCases } from "./repository_blocks.ts";
import { copyCases } from "./repository_copies.ts";
import { delegationCases } from "./repository_delegations.ts";
import { eraseCases } from "./repository_erase.ts";
import { housekeepingCases } from "./repository_housekeeping.ts";
import { invocationCases } from "./repository_invocations.ts";
import { readCases } from "./repository_reads.ts";
import { retentionCases } from "./repository_retention.ts";
import { NOW } from "./repository_samples.ts";
import { spaceContentsCases } from "./repository_space_contents.ts";
import { spaceCases } from "./repository_spaces.ts";
import { valueCases } from "./repository_values.ts";

/** A store that is empty at first, and gone when it is disposed. */
export interface OpenedStore extends AsyncDisposable {
  readonly repository: Repository;
  /** Closes the repository and opens its store again; absent: nothing outlives the process. */
  readonly reopen?: (how?: Reopening) => Promise<Repository>;
  /** All rows of all tables, as anything that can be compared; absent: nobody can look in. */
  readonly dump?: () => unknown | Promise<unknown>;
}

export interface Reopening {
  /** As what another store is loaded into. */
  readonly loads?: boolean;
}

export type OpenStore = (now: () => number) => Promise<OpenedStore>;

/** What a case has to work with. */
export interface Given {
  repository: Repository;
  /** The store's clock, Unix seconds. */
  now: number;
  readonly reopen: (how?: Reopening) => Promise<void>;
  /** Another empty store of the same kind. */
  readonly another: () => Promise<Repository>;
  /** Runs the step and fails when it has changed a row. */
  readonly unchanged: <T>(step: () => Promise<T>) => Promise<T>;
}

export interface Case {
  readonly name: string;
  /** It can only be shown where a store outlives its repository. */
  readonly reopens?: boolean;
  readonly run: (given: Given) => Promise<void>;
}

/** Registers the whole contract for one back-end. */
export function repositoryContract(
  name: string,
  open: OpenStore,
  { canReopen = true, ignore = false }: { canReopen?: boolean; ignore?: boolean } = {},
): void {
  const cases = [
    ...delegationCases,
    ...spaceCases,
    ...spaceContentsCases,
    ...eraseCases,
    ...invocationCases,
    ...valueCases,
    ...readCases,
    ...blockCases,
    ...housekeepingCases,
    ...retentionCases,
    ...copyCases,
  ];
  for (const { name: sentence, run, reopens = false } of cases) {
    if (reopens && !canReopen) continue;
    Deno.test({ name: `repository, ${name}: ${sentence}`, ignore, fn: () => inStore(open, run) });
  }
}

async function inStore(open: OpenStore, run: Case["run"]): Promise<void> {
  let now = NOW;
  await using stores = new AsyncDisposableStack();
  const store = stores.use(await open(() => now));
  const { dump, reopen } = store;
  const given: Given = {
    repository: store.repository,
    get now() {
      return now;
    },
    set now(value) {
      now = value;
    },
    reopen: async (how) => {
      assert.ok(reopen);
      given.repository = await reopen(how);
    },
    another: async () => stores.use(await open(() => now)).repository,
    unchanged: async (step) => {
      const before = await dump?.();
      const result = await step();
      assert.deepEqual(await dump?.(), before);
      return result;
    },
  };

  await run(given);

  const findings = [];
  for await (const finding of given.repository.check()) findings.push(finding);
  assert.deepEqual(findings, []);
}

/** Fails unless the promise is rejected with this code of the port. */
export async function rejects(promise: Promise<unknown>, code: NodeError["code"]): Promise<void> {
  await assert.rejects(promise, (error) => error instanceof NodeError && error.code === code);
}
