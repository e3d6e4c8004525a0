import assert from "node:assert/strict";
import { parseStatusReport, type StatusReport } from "../../../src/http/status_report.ts";
import { statusText } from "../../../src/commands/status_text.ts";

const REPORT: StatusReport = {
  state: "unready",
  version: "1.2.3",
  deno: "2.9.6",
  nodeId: "did:key:z6Mk",
  startedAt: "2026-11-27T12:00:00Z",
  uptimeSeconds: 273_845,
  stores: [
    { store: "database", kind: "postgres", code: null },
    { store: "blocks", kind: "s3", code: "storage_unavailable" },
  ],
  spaces: 1200,
  storedBytes: 36_175_872,
  requestsInFlight: 2,
  lastMinute: { seconds: 60, requests: 741, refused: 6, limited: 0, failed: 3 },
  collection: {
    outcome: "complete",
    endedAt: "2026-11-30T16:00:00Z",
    removed: { blocks: 3, leftovers: 0, guards: 9, events: 0, delegations: 0 },
  },
  errors: [
    { code: "storage_unavailable", status: 503, count: 12, lastAt: "2026-11-30T16:04:03Z" },
    { code: "token_signature", status: 401, count: 7, lastAt: "2026-11-30T14:04:05Z" },
  ],
};
const SEEN = {
  state: "unready",
  url: "http://127.0.0.1:8000",
  version: "1.2.3",
  nodeId: "did:key:z6Mk",
  code: "storage_unavailable",
  details: REPORT,
  note: null,
} as const;

Deno.test("a screen tells all of a node", () => {
  assert.equal(
    statusText(SEEN, false),
    `tinycloud 1.2.3 at http://127.0.0.1:8000: not ready (storage_unavailable)

node        did:key:z6Mk
up          3 d 4 h, since 2026-11-27T12:00:00Z
database    postgres, works
blocks      s3, storage_unavailable
holds       1,200 spaces, 34.5 MiB
requests    12.3/s, 0.1/s refused, 0.0/s limited, 0.1/s failed; 2 in flight
collection  complete, 4 min 5 s ago, 3 blocks removed
errors      503 storage_unavailable          12 ×, last 2 s ago
            401 token_signature               7 ×, last 2 h ago`,
  );
});

Deno.test("colours mark what works and what does not", () => {
  const text = statusText(SEEN, true);

  assert.ok(text.includes("\x1b[31mnot ready (storage_unavailable)\x1b[0m"));
  assert.ok(text.includes("\x1b[32mworks\x1b[0m"));
  assert.ok(!text.includes("\x1b[31m401"));
});

Deno.test("a report is read back as it was written", () => {
  assert.deepEqual(parseStatusReport(JSON.stringify(REPORT)), REPORT);
  const young = { ...REPORT, spaces: null, storedBytes: null, collection: null, errors: [] };
  assert.deepEqual(parseStatusReport(JSON.stringify(young)), young);
});

const NO_REPORTS: readonly [name: string, value: unknown][] = [
  ["no object", 7],
  ["null", null],
  ["an empty object", {}],
  ["a missing member", { ...REPORT, nodeId: undefined }],
  ["a text for a number", { ...REPORT, uptimeSeconds: "7" }],
  ["null for rates", { ...REPORT, lastMinute: null }],
  ["an object for a list", { ...REPORT, errors: {} }],
  ["a list of something else", { ...REPORT, stores: [7] }],
  ["an escape sequence", { ...REPORT, version: "\x1b[2J" }],
  ["a text without end", { ...REPORT, version: "x".repeat(257) }],
];

for (const [name, value] of NO_REPORTS) {
  Deno.test(`${name} is no report`, () => {
    assert.equal(parseStatusReport(JSON.stringify(value)), undefined);
  });
}

Deno.test("what is no JSON is no report", () => {
  assert.equal(parseStatusReport("<html>"), undefined);
});
