// The URL of a database server, taken apart.

import assert from "node:assert/strict";
import { Refusal } from "../../../src/config/refusal.ts";
import { readServerUrl, type ServerUrl } from "../../../src/config/server_url.ts";

const FULL = { verifiesCertificate: true, verifiesName: true };
const HERE = { host: "db", user: "node", password: "p", database: "tc" };

const READ: readonly [text: string, read: ServerUrl][] = [
  ["postgres://node:p@db/tc", { ...HERE, port: 5432 }],
  ["postgresql://node:p@db:6000/tc?sslmode=disable", { ...HERE, port: 6000 }],
  ["postgres://node:p@db/tc?sslmode=require", { ...HERE, port: 5432, tls: FULL }],
  ["postgres://node:p@db/tc?sslmode=verify-full&sslrootcert=/etc/ca.pem", {
    ...HERE,
    port: 5432,
    tls: { ...FULL, caFile: "/etc/ca.pem" },
  }],
  ["postgres://node:p@db/tc?sslmode=verify-ca", {
    ...HERE,
    port: 5432,
    tls: { verifiesCertificate: true, verifiesName: false },
  }],
  ["postgres://node:p@db/tc?sslmode=no-verify", {
    ...HERE,
    port: 5432,
    tls: { verifiesCertificate: false, verifiesName: false },
  }],
  ["postgres:///tc?host=/run/postgresql", {
    host: "localhost",
    port: 5432,
    user: "",
    password: "",
    database: "tc",
    socket: "/run/postgresql",
  }],
  ["postgres://us%40er:p%2Fw@[::1]/t%20c", {
    host: "::1",
    port: 5432,
    user: "us@er",
    password: "p/w",
    database: "t c",
  }],
  ["mysql://node:p@db/tc", { ...HERE, port: 3306 }],
  ["mariadb://node:p@db:3307/tc?ssl-mode=REQUIRED&ssl-ca=/ca", {
    ...HERE,
    port: 3307,
    tls: { ...FULL, caFile: "/ca" },
  }],
  ["mysql://node:p@db/tc?socket=/run/mysqld/mysqld.sock", {
    ...HERE,
    port: 3306,
    socket: "/run/mysqld/mysqld.sock",
  }],
];

const kindOf = (text: string) => text.startsWith("p") ? "postgres" : "mysql";

for (const [text, read] of READ) {
  Deno.test(`${text} is read`, () => {
    assert.deepEqual(readServerUrl(kindOf(text), text), read);
  });
}

const REFUSED: readonly [text: string, found: string][] = [
  ["postgres://node:hunter2@db/tc?sslmod=require", "has an unknown parameter"],
  ["postgres://node:hunter2@db/tc?password=hunter2", "has an unknown parameter"],
  ["postgres://node:hunter2@db/tc?ssl-mode=REQUIRED", "has an unknown parameter"],
  ["postgres://node:hunter2@db/tc?sslmode=prefer", "has an unknown sslmode"],
  ["postgres://node:hunter2@db/tc?sslrootcert=/ca", "has sslrootcert without TLS"],
  ["postgres://node:hunter2@db/tc?host=other", "has a host that is no absolute path"],
  ["postgres://node:hunter2@db", "names no database"],
  ["postgres://node:hunter2@db/", "names no database"],
  ["postgres://node:%zz@db/tc", "names no database"],
  ["mysql://node:hunter2@db/tc?ssl-mode=required", "has an unknown ssl-mode"],
  ["mysql://node:hunter2@db/tc?sslmode=require", "has an unknown parameter"],
];

for (const [text, found] of REFUSED) {
  Deno.test(`${text} ${found}`, () => {
    const refusal = readServerUrl(kindOf(text), text);

    assert.ok(refusal instanceof Refusal);
    assert.ok(refusal.sentence.startsWith(found), refusal.sentence);
    assert.doesNotMatch(refusal.sentence, /hunter2|zz/);
  });
}
