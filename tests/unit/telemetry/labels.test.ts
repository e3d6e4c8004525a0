import assert from "node:assert/strict";
import {
  knownAbility,
  knownMethod,
  knownRoute,
  statusClass,
} from "../../../src/telemetry/labels.ts";

const CASES: readonly [label: (value: string) => string, value: string, expected: string][] = [
  [knownAbility, "tinycloud.kv/put", "tinycloud.kv/put"],
  [knownAbility, "tinycloud.kv/delete", "tinycloud.kv/del"],
  [knownAbility, "tinycloud.capabilities/read", "tinycloud.capabilities/read"],
  [knownAbility, "tinycloud.kv/PUT", "other"],
  [knownAbility, "tinycloud.kv/*", "other"],
  [knownAbility, "constructor", "other"],
  [knownAbility, "", "other"],
  [knownRoute, "/invoke", "/invoke"],
  [knownRoute, "/peer/generate/tinycloud%3Akey%3Az6Mk%3Adefault", "/peer/generate"],
  [knownRoute, "/peer/generate", "/peer/generate"],
  [knownRoute, "/invoke/", "other"],
  [knownRoute, "/__proto__", "other"],
  [knownMethod, "POST", "POST"],
  [knownMethod, "get", "other"],
  [(status) => statusClass(Number(status)), "204", "2xx"],
  [(status) => statusClass(Number(status)), "503", "5xx"],
  [(status) => statusClass(Number(status)), "600", "other"],
  [(status) => statusClass(Number(status)), "NaN", "other"],
];

for (const [label, value, expected] of CASES) {
  Deno.test(`${label.name || "statusClass"} of "${value}" is ${expected}`, () => {
    assert.equal(label(value), expected);
  });
}
