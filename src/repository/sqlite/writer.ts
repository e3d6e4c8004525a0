// Where batches are committed: here, or in a Worker (decision 0001).

import type { Answer, Batch } from "./committer.ts";
import { Committer } from "./committer.ts";
import type { Database } from "./database.ts";

/** Takes one batch at a time. */
export interface Writer {
  /** Never rejects. */
  commit(batch: Batch): Promise<Answer>;
  close(): Promise<void>;
}

/** On a connection of this isolate, which is not closed with it: every commit stops the loop. */
export function writerHere(database: Database): Writer {
  const committer = new Committer(database);
  return {
    commit: (batch) => Promise.resolve(committer.commit(batch)),
    close: () => Promise.resolve(),
  };
}
