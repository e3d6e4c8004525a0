// What goes wrong at a start on a database server (configuration.md, start-up): a sentence for each
// mistake, without the password, and nothing is changed. TLS, where it is asked for, is verified.

import assert from "node:assert/strict";
import { tinycloud } from "../support/commands.ts";
import {
  MAY_START,
  type PrivateServer,
  run,
  startPrivateServer,
} from "../support/private_servers.ts";
import { NODE_SECRET } from "../support/server_node.ts";
import { freshDatabase, type ServerKind, SERVERS, type TestDatabase } from "../support/servers.ts";

const PASSWORD = "hidden-word";

interface Mistake {
  readonly name: string;
  readonly command?: "migrate" | "check";
  readonly prepare?: (database: TestDatabase) => Promise<void>;
  readonly url?: (text: URL) => string;
  readonly says: RegExp;
}

const MISTAKES: readonly Mistake[] = [
  {
    name: "a database that is not there",
    url: (url) => Object.assign(url, { pathname: "/nowhere_at_all" }).href,
    says: /cannot open the database nowhere_at_all on 127\.0\.0\.1:\d+: .*nowhere_at_all/,
  },
  {
    name: "a server that is not there",
    url: (url) => Object.assign(url, { port: "1" }).href,
    says: /cannot open the database \w+ on 127\.0\.0\.1:1: .*(refused|ECONNREFUSED)/i,
  },
  {
    name: "a database of another program",
    prepare: ({ run }) => run("CREATE TABLE photo (no INT, name TEXT)"),
    says: /tables of another program; nothing was changed/,
  },
  {
    name: "a database of a newer version",
    prepare: async (database) => {
      await migrated(database);
      await database.run(
        "INSERT INTO migration (name, hash, applied_at) VALUES ('9999_future.sql', 'hash', 0)",
      );
    },
    says: /9999_future\.sql.*newer.*Nothing was changed/,
  },
  {
    name: "a migration that was changed",
    prepare: async (database) => {
      await migrated(database);
      await database.run("UPDATE migration SET hash = 'other' WHERE name = '0001_init.sql'");
    },
    says: /0001_init\.sql differs.*Nothing was changed/,
  },
  {
    name: "an older database to check",
    command: "check",
    prepare: async (database) => {
      await migrated(database);
      await database.run("DELETE FROM migration WHERE name = '0002_retention.sql'");
    },
    says: /lacks the migration 0002_retention\.sql: run `tinycloud migrate` first/,
  },
  {
    name: "an empty database to check",
    command: "check",
    says: /lacks the migration 0001_init\.sql: run `tinycloud migrate` first/,
  },
];

for (const kind of ["postgres", "mysql"] as const) {
  for (const { name, command = "migrate", prepare, url, says } of MISTAKES) {
    Deno.test({
      name: `${nameOf(kind)}: ${name} is told in a sentence, and nothing is changed`,
      ignore: SERVERS[kind] === undefined,
      async fn() {
        await using database = await freshDatabase(kind);
        await prepare?.(database);
        const before = await database.dump();

        const text = new URL(database.text);
        const told = await complaintsOf(url?.(text) ?? text.href, command);

        assert.equal(told.length, 1, told.join("\n"));
        assert.match(told[0] ?? "", says);
        assert.deepEqual(await database.dump(), before);
      },
    });
  }

  Deno.test({
    name: `${nameOf(kind)}: a wrong password is told in a sentence that does not hold it`,
    ignore: !MAY_START[kind],
    async fn() {
      await using server = await startPrivateServer(kind, {
        prepare: (folder) =>
          kind === "mysql" ? Promise.resolve() : Deno.writeTextFile(
            `${folder}/data/pg_hba.conf`,
            "host all someone 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n",
          ),
      });
      await using database = await freshDatabase(kind, server.url);
      await database.run(
        kind === "postgres"
          ? "CREATE USER someone PASSWORD 'right'"
          : "CREATE USER 'someone'@'127.0.0.1' IDENTIFIED BY 'right'; GRANT ALL ON *.* TO 'someone'@'127.0.0.1'",
      );
      const url = Object.assign(new URL(database.text), {
        username: "someone",
        password: PASSWORD,
      });

      const told = await complaintsOf(url.href, "migrate");

      assert.equal(told.length, 1, told.join("\n"));
      assert.match(told[0] ?? "", /cannot open the database .*someone/);
    },
  });

  Deno.test({
    name: `${nameOf(kind)}: TLS is verified as far as the URL asks, and never less`,
    ignore: !MAY_START[kind],
    async fn() {
      await using folder = await authorities();
      const ours = `${folder.path}/ca.pem`;
      await using right = await tlsServer(kind, folder.path, "right");
      await using wrong = await tlsServer(kind, folder.path, "wrong");
      await using without = await startPrivateServer(kind);

      const named = (server: PrivateServer) => server.url.replace("127.0.0.1", "localhost");
      const { verify, authority, no } = WORDS[kind];
      const opens: readonly (readonly [string, string, RegExp | undefined])[] = [
        ["the right name", `${named(right)}?${verify("full")}&${authority(ours)}`, undefined],
        ["required", `${named(right)}?${verify("require")}&${authority(ours)}`, undefined],
        [
          "nobody's authority",
          `${named(right)}?${verify("full")}`,
          /certificate|issuer|self.signed/i,
        ],
        [
          "nobody's authority, required",
          `${named(right)}?${verify("require")}`,
          /certificate|issuer/i,
        ],
        [
          "a wrong name",
          `${named(wrong)}?${verify("full")}&${authority(ours)}`,
          /name|altname|certificate/i,
        ],
        [
          "a wrong name, required",
          `${named(wrong)}?${verify("require")}&${authority(ours)}`,
          /name|altname|certificate/i,
        ],
        [
          "a wrong name, not asked",
          `${named(wrong)}?${verify("ca")}&${authority(ours)}`,
          undefined,
        ],
        ["nothing asked", `${named(wrong)}?${no}`, undefined],
        [
          "no TLS there",
          `${named(without)}?${verify("full")}&${authority(ours)}`,
          /SSL|TLS|secure/i,
        ],
        ["no TLS there, not verified", `${named(without)}?${no}`, /SSL|TLS|secure/i],
        [
          "no such file",
          `${named(right)}?${verify("full")}&${authority("/nowhere.pem")}`,
          /nowhere\.pem|No such file/,
        ],
      ];
      for (const [name, url, refusal] of opens) {
        const told = await complaintsOf(url, "check");
        const where = `${name}: ${told.join("\n")}`;
        assert.equal(told.length, 1, where);
        // What gets in finds a database of other tables, or an empty one.
        if (refusal === undefined) {
          assert.match(told[0] ?? "", /lacks the migration|another program/, where);
        } else {
          assert.doesNotMatch(told[0] ?? "", /lacks the migration|another program/, where);
          assert.match(told[0] ?? "", refusal, where);
        }
      }
    },
  });
}

Deno.test({
  name: "PostgreSQL: a database that is not UTF-8 is refused with a sentence",
  ignore: SERVERS.postgres === undefined,
  async fn() {
    await using database = await freshDatabase("postgres");
    const name = `${database.url.database}_latin1`;
    await database.run(`CREATE DATABASE ${name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`);
    try {
      const url = Object.assign(new URL(database.text), { pathname: `/${name}` });

      const told = await complaintsOf(url.href, "migrate");

      assert.equal(told.length, 1, told.join("\n"));
      assert.match(told[0] ?? "", /encoding LATIN1: make one with ENCODING 'UTF8'/);
    } finally {
      await database.run(`DROP DATABASE ${name}`);
    }
  },
});

Deno.test({
  name: "MySQL: TLS that is to verify a name refuses an address, which has none",
  ignore: SERVERS.mysql === undefined,
  async fn() {
    await using database = await freshDatabase("mysql");

    const told = await complaintsOf(`${database.text}?ssl-mode=VERIFY_IDENTITY`, "migrate");

    assert.equal(told.length, 1, told.join("\n"));
    assert.match(told[0] ?? "", /use its host name, or ssl-mode=VERIFY_CA/);
  },
});

/** The URL's own words for TLS. */
const WORDS = {
  postgres: {
    verify: (how: "full" | "require" | "ca") =>
      `sslmode=${how === "require" ? how : `verify-${how}`}`,
    authority: (path: string) => `sslrootcert=${path}`,
    no: "sslmode=no-verify",
  },
  mysql: {
    verify: (how: "full" | "require" | "ca") =>
      `ssl-mode=${{ full: "VERIFY_IDENTITY", require: "REQUIRED", ca: "VERIFY_CA" }[how]}`,
    authority: (path: string) => `ssl-ca=${path}`,
    no: "ssl-mode=NO_VERIFY",
  },
} as const;

function nameOf(kind: ServerKind): string {
  return kind === "postgres" ? "PostgreSQL" : "MariaDB";
}

async function migrated({ text }: TestDatabase): Promise<void> {
  assert.deepEqual(await complaintsOf(text, "migrate"), []);
}

/** Runs a command; what it says on standard error, none of which holds the password. */
async function complaintsOf(url: string, command: string): Promise<readonly string[]> {
  const folder = await Deno.makeTempDir({ prefix: "tinycloud-start-" });
  try {
    const { lines, complaints } = await tinycloud(folder, [command], {
      env: {
        TINYCLOUD_STORAGE_DATABASE: url,
        TINYCLOUD_STORAGE_CONNECT_TIMEOUT: "1 s",
        TINYCLOUD_KEYS_SECRET: NODE_SECRET,
      },
    });
    assert.ok(![...lines, ...complaints].join("\n").includes(PASSWORD), complaints.join("\n"));
    return complaints;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** An authority of the test's own, and certificates for `localhost` and for another name. */
async function authorities(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "tinycloud-tls-" });
  const at = (name: string) => `${path}/${name}`;
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await run("openssl", [
    ...["req", "-x509", ...key, "-days", "2", "-subj", "/CN=an authority"],
    ...["-keyout", at("ca.key"), "-out", at("ca.pem")],
  ]);
  for (const [name, host] of [["right", "localhost"], ["wrong", "elsewhere.example"]] as const) {
    await run("openssl", [
      ...["req", "-x509", ...key, "-days", "2", "-subj", `/CN=${host}`],
      ...["-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-addext", `subjectAltName=DNS:${host}`],
      ...["-addext", "basicConstraints=critical,CA:FALSE"],
      ...["-keyout", at(`${name}.key`), "-out", at(`${name}.pem`)],
    ]);
  }
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

function tlsServer(kind: ServerKind, from: string, name: string): Promise<PrivateServer> {
  // Where the server may read them, and nobody else.
  const settings: string[] = [];
  return startPrivateServer(kind, {
    settings,
    async prepare(folder) {
      for (const file of [`${name}.key`, `${name}.pem`]) {
        await Deno.copyFile(`${from}/${file}`, `${folder}/${file}`);
        await Deno.chmod(`${folder}/${file}`, 0o600);
      }
      const [key, certificate] = [`${folder}/${name}.key`, `${folder}/${name}.pem`];
      settings.push(
        ...(kind === "postgres"
          ? ["-c", "ssl=on", "-c", `ssl_cert_file=${certificate}`, "-c", `ssl_key_file=${key}`]
          : [`--ssl-cert=${certificate}`, `--ssl-key=${key}`]),
      );
    },
  });
}
