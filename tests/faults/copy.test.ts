// `tinycloud copy`, killed while it loads rows: nobody uses what is half there, and the next run goes
// on to the same end.

import assert from "node:assert/strict";
import { fingerprint, FINGERPRINT_SETTING, Secret } from "../../src/config/secret.ts";
import { openSqlite } from "../../src/repository/sqlite/open.ts";
import { apply, host, inline, NOW, SPACE } from "../contract/repository_samples.ts";
import {
  aPlace,
  contentOf,
  KINDS,
  namedIn,
  type Place,
  SECRET,
  type Store,
} from "../support/copies.ts";
import { eventually } from "../support/eventually.ts";
import { runTinycloud, startTinycloud } from "../support/process.ts";

const KEYS = 600;
/** Some sixty to a page. */
const VALUE = "v".repeat(16_000);

/** A store of many pages. */
async function aLongStore(place: Place): Promise<Store> {
  const store = await place.store("sqlite");
  await using repository = openSqlite({
    path: store.database,
    durability: "normal",
    now: () => NOW,
  });
  const bytes = Uint8Array.fromBase64(SECRET, { alphabet: "base64url" });
  await repository.setSetting(FINGERPRINT_SETTING, fingerprint(new Secret(bytes)));
  await host(repository, SPACE);
  for (let key = 0; key < KEYS; key++) {
    await apply(repository, { key: `${key}`, effect: inline(VALUE) });
  }
  return store;
}

for (const kind of ["sqlite", ...KINDS] as const) {
  Deno.test(`a copy that is killed half-way goes on, and ends exact: ${kind}`, async () => {
    await using place = await aPlace();
    const from = await aLongStore(place);
    const to = await place.store(kind);
    const args = ["copy", ...namedIn("from", from), ...namedIn("to", to), "--json"];

    await using killed = startTinycloud(args);
    await eventually(
      "the first values",
      () => to.hasValues().then((has) => has ? true : undefined, () => undefined),
    );
    killed.kill("SIGKILL");
    const { code } = await killed.exited;
    const checked = await runTinycloud(["check"], { env: to.env });
    const again = await runTinycloud(args);

    assert.notEqual(code, 0, "it was killed in time");
    assert.equal(checked.code, 2);
    assert.match(checked.complaints.join(), /a copy into .* was cut off/);
    assert.deepEqual([again.code, again.complaints], [0, []]);
    const [{ copied }, findings] = again.lines.map((line) => JSON.parse(line));
    assert.ok(copied.loaded < copied.rows - KEYS, `${copied.loaded} of ${copied.rows} rows now`);
    assert.deepEqual(findings, { findings: 0 });
    assert.deepEqual(await contentOf(to), await contentOf(from));
  });
}
