// What `tinycloud config` prints.

import assert from "node:assert/strict";
import { TABLE } from "../../../src/config/options.ts";
import { configJson, configText } from "../../../src/config/print.ts";
import { load } from "./support.ts";

const SECRET = "hunter2-".repeat(8);

const loaded = await load({
  toml: `[global]\ncors = true\n[global.storage]\ndatabase = "./caps.db"\nlimit = "10 MiB"\n`,
  env: { TINYCLOUD_KEYS_SECRET: SECRET, TINYCLOUD_PORT: "8080", TINYCLOUD_SPACES_MAX: "5" },
  flags: { port: "0" },
});

Deno.test("the text has a line for every option with its value and source", () => {
  const lines = configText(loaded).split("\n").map((line) => line.replace(/ +#/, " #"));

  assert.deepEqual(lines.map((line) => line.split(" = ")[0]), [...TABLE.keys(), ""]);
  for (
    const line of [
      `log_level = "normal" # default`,
      `cors = true # tinycloud.toml:2`,
      `port = 0 # --port`,
      `prometheus.address = "127.0.0.1" # default`,
      `storage.database = "sqlite:./caps.db" # tinycloud.toml:4`,
      `storage.limit = "10 MiB" # tinycloud.toml:5`,
      `storage.staging_path = "data/staging" # default`,
      `storage.scrub = "off" # default`,
      `database.pool = 10 # default`,
      `auth.did_web = false # default, not in this version yet`,
      `keys.secret = "[secret]" # TINYCLOUD_KEYS_SECRET`,
      `keys.secret_file = "none" # default`,
      `spaces.max = 5 # TINYCLOUD_SPACES_MAX`,
      `http.trusted_proxies = [] # default`,
    ]
  ) assert(lines.includes(line), line);
});

Deno.test("the sources stand below one another", () => {
  const columns = configText(loaded).trimEnd().split("\n").map((line) => line.indexOf("  # "));

  assert.equal(new Set(columns.map((column) => column < 0)).size, 1);
  assert.equal(
    new Set(configText(loaded).trimEnd().split("\n").map((line) => line.lastIndexOf("# "))).size,
    1,
  );
});

Deno.test("the JSON has a member for every option with its value and source", () => {
  const printed = JSON.parse(configJson(loaded));

  assert.deepEqual(Object.keys(printed), [...TABLE.keys()]);
  assert.deepEqual(printed["port"], { value: 0, source: "--port" });
  assert.deepEqual(printed["keys.secret"], {
    value: "[secret]",
    source: "TINYCLOUD_KEYS_SECRET",
  });
  assert.deepEqual(printed["limits.client_rate"], { value: 200, source: "default" });
  assert.deepEqual(printed["database.pool"], { value: 10, source: "default" });
  assert.deepEqual(printed["auth.did_web"], { value: false, source: "default", later: true });
});

Deno.test("the secret is in neither", () => {
  assert.doesNotMatch(configText(loaded) + configJson(loaded), /hunter2/);
});
