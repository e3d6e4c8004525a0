// What one capability gives of another (wire §1, extends).

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  indexGrants,
  isGranted,
  isRoot,
  isSameAbility,
} from "../../../src/capabilities/attenuation.ts";
import type { Capability } from "../../../src/capabilities/delegation.ts";
import type { Resource } from "../../../src/capabilities/resource.ts";
import { parseAbility } from "../../../src/capabilities/ability.ts";
import { parseResource } from "../../../src/capabilities/resource.ts";
import { principalOf } from "../../../src/tokens/did.ts";
import { extendsPath, grants as grantsByRule } from "../../support/extends.ts";
import {
  aCapability,
  aDelegation,
  ALICE,
  BOB,
  GET,
  KEY,
  kv,
  PUT,
  SPACE,
} from "../../support/tokens.ts";

/** What the node says, which must be what the rule says. */
function grants(given: Capability, wanted: Capability): boolean {
  const verdict = isGranted(indexGrants([aDelegation("given", { capabilities: [given] })]), wanted);
  assert.equal(verdict, grantsByRule(given, wanted), "index and rule differ");
  return verdict;
}

function covers(parent: Resource, child: Resource): boolean {
  const ability = parseAbility(GET);
  return grants(
    { resource: parent, ability, caveated: false },
    { resource: child, ability, caveated: false },
  );
}

type Path = string | undefined;
const PATHS: readonly [parent: Path, child: Path, is: boolean][] = [
  [undefined, undefined, true],
  [undefined, "", true],
  [undefined, "a", true],
  [undefined, "/", true],
  ["", "", true],
  ["", "/", true],
  ["", "/a", true],
  ["", "a", false],
  ["", undefined, false],
  ["a", "a", true],
  ["a", "a/", true],
  ["a", "a/b", true],
  ["a", "a//b", true],
  ["a", "ab", false],
  ["a", "A", false],
  ["a", "b", false],
  ["a", "", false],
  ["a", "/a", false],
  ["a", "a%2Fb", false],
  ["a", undefined, false],
  ["a/", undefined, false],
  ["a/b", undefined, false],
  ["a/b", "a", false],
  ["a/", "a/", true],
  ["a/", "a/b", true],
  ["a/", "a//", true],
  ["a/", "a", false],
  ["a//", "a/b", false],
  ["/", "/", true],
  ["/", "/a", true],
  ["/", "//", true],
  ["/", "", false],
  ["/", "a", false],
  ["photos", "photos-private", false],
  ["*", "a", false],
  ["a/*", "a/b", false],
  ["%C3%A9", "e%CC%81", false],
];
const named = (path: Path) => path === undefined ? "no path" : `"${path}"`;
for (const [parent, child, is] of PATHS) {
  Deno.test(`${named(child)} ${is ? "extends" : "does not extend"} ${named(parent)}`, () => {
    assert.equal(extendsPath(child, parent), is);
    assert.equal(covers(kv(parent), kv(child)), is);
  });
}

// Longer than any key.
const LONG = "b/".repeat(512);
const LONG_PATHS: readonly [parent: Path, child: string, is: boolean][] = [
  [undefined, `${LONG}a`, true],
  ["", `${LONG}a`, false],
  ["", `/${LONG}a`, true],
  ["/", `/${LONG}a`, true],
  ["b", `${LONG}a`, true],
  ["b/", `${LONG}a`, true],
  ["b/b", `${LONG}a`, true],
  ["/b", `${LONG}a`, false],
  ["a", `${LONG}a`, false],
  ["a/", `${LONG}a`, false],
  ["c/", `${LONG}a`, false],
  ["b", `bb/${LONG}`, false],
  ["c", `b/${LONG}`, false],
  [LONG, `${LONG}a`, true],
  [LONG.slice(0, -1), `${LONG}a`, true],
  [`${LONG}a`, `${LONG}a`, true],
  [`${LONG}a`, `${LONG}a/`, true],
  [`${LONG}a`, `${LONG}ab`, false],
  [`${LONG}a`, `${LONG}b`, false],
  [`${LONG}a/`, `${LONG}a/b`, true],
  [`${LONG}a/`, `${LONG}a`, false],
];
const shortened = (path: Path) => named(path?.replace(/(?:b\/){511,}/, "b/…/"));
for (const [parent, child, is] of LONG_PATHS) {
  const verb = is ? "extends" : "does not extend";
  Deno.test(`${shortened(child)} ${verb} ${shortened(parent)}`, () => {
    assert.equal(covers(kv(parent), kv(child)), is);
  });
}

Deno.test("of many grants one is enough for a path longer than any key", () => {
  const capabilities = ["a", "b", "c"].map((path) => aCapability(`${SPACE}/kv/${path}`));
  const grants = indexGrants([aDelegation("given", { capabilities })]);
  assert.ok(isGranted(grants, aCapability(`${SPACE}/kv/${LONG}a`)));
  assert.equal(isGranted(grants, aCapability(`${SPACE}/kv/d/${LONG}`)), false);
});

const URN = `urn:tinycloud:encryption:${ALICE.did}:n`;
const RESOURCES: readonly [parent: string, child: string, is: boolean][] = [
  [`${SPACE}/kv`, `${SPACE.toLowerCase()}/kv/a`, true],
  [`${SPACE}/kv`, `${SPACE}x/kv/a`, false],
  [`${SPACE}/kv`, `tinycloud:${BOB.did.slice(4)}:default/kv/a`, false],
  [`${SPACE}/kv`, `${SPACE}/kvx/a`, false],
  [`${SPACE}/kv`, `${SPACE}/KV/a`, false],
  [`${SPACE}/kvx`, `${SPACE}/kv`, false],
  [`${SPACE}/kv/a`, `${SPACE}/kv/a?x`, true],
  [`${SPACE}/kv/a?x`, `${SPACE}/kv/a`, true],
  [`${SPACE}/kv/a?x`, `${SPACE}/kv/a/b?y`, true],
  [`${SPACE}/kv/a`, `${SPACE}/kv/a#f`, false],
  [`${SPACE}/kv/a#f`, `${SPACE}/kv/a`, false],
  [`${SPACE}/kv/a`, `${SPACE}/kv/a#`, false],
  [`${SPACE}/kv/a`, `${SPACE}/kv/a#undefined`, false],
  [`${SPACE}/kv/a#f`, `${SPACE}/kv/a/b#f`, true],
  [`${SPACE}/kv/a#f`, `${SPACE}/kv/a/b#g`, false],
  [`${SPACE}/kv#`, `${SPACE}/kv/a#`, true],
  [`${SPACE}/kv`, `${SPACE}/kv/a/../b`, false],
  [`${SPACE}/kv`, `${SPACE}/kv/%61`, false],
  [`${SPACE}/kv`, SPACE, false],
  [SPACE, `${SPACE}/kv`, false],
  [SPACE, SPACE, true],
  [`${SPACE}/`, `${SPACE}/`, true],
  [`${SPACE}/`, `${SPACE}/kv`, false],
  ["urn:a", "urn:a", true],
  ["urn:a", "urn:A", false],
  ["urn:a", "URN:a", false],
  ["urn:a", "urn:a/b", false],
  ["urn:a", "urn:a?x", false],
  ["https://a/", "https://a/b", false],
  [URN, URN.replace(ALICE.did, ALICE.did.toLowerCase()), true],
  [URN, `${URN}2`, false],
  [URN, `${URN}/a`, false],
];
const short = (uri: string) => uri.replace(SPACE, "…").replace(ALICE.did, "{alice}");
for (const [parent, child, is] of RESOURCES) {
  Deno.test(`${short(child)} ${is ? "extends" : "does not extend"} ${short(parent)}`, () => {
    assert.equal(covers(parseResource(parent), parseResource(child)), is);
  });
}

const ABILITIES: readonly [a: string, b: string, same: boolean][] = [
  [GET, GET, true],
  [GET, PUT, false],
  ["tinycloud.kv/del", "tinycloud.kv/delete", true],
  ["tinycloud.kv/delete", "tinycloud.kv/delete", true],
  ["tinycloud.kv/del", "tinycloud.kv/Delete", false],
  ["tinycloud.kv/*", GET, false],
  ["*/*", GET, false],
  ["tinycloud.kv/put", "tinycloud.kv/PUT", false],
];
for (const [a, b, same] of ABILITIES) {
  Deno.test(`${a} and ${b} are ${same ? "one ability" : "two abilities"}`, () => {
    assert.equal(isSameAbility(parseAbility(a), parseAbility(b)), same);
    assert.equal(isSameAbility(parseAbility(b), parseAbility(a)), same);
  });
}

const alice = principalOf(ALICE.did);
const ROOTS: readonly [uri: string, alices: boolean][] = [
  [`${SPACE}/kv/a`, true],
  [`${SPACE.toLowerCase()}/kv`, true],
  [`${SPACE}/anything#x`, true],
  [URN, true],
  [`tinycloud:${BOB.did.slice(4)}:default/kv`, false],
  [`${SPACE.replace(":1:", ":10:")}/kv`, false],
  [`urn:tinycloud:encryption:${BOB.did}:n`, false],
  [SPACE, false],
  [`${SPACE}/kv/../x`, false],
  [`${URN}?x`, false],
  [ALICE.did, false],
  ["urn:a", false],
];
for (const [uri, alices] of ROOTS) {
  Deno.test(`${short(uri)} is ${alices ? "" : "not "}Alice's by root`, () => {
    assert.equal(isRoot(parseResource(uri), alice), alices);
    assert.equal(isRoot(parseResource(uri), principalOf(KEY.did)), false);
  });
}

const GRANTS: readonly [what: string, given: [string, string, boolean?], gives: boolean][] = [
  ["the same", [`${SPACE}/kv/a`, GET], true],
  ["more", [`${SPACE}/kv`, GET], true],
  ["another ability", [`${SPACE}/kv/a`, PUT], false],
  ["another resource", [`${SPACE}/kv/b`, GET], false],
  ["the same with a caveat", [`${SPACE}/kv/a`, GET, true], false],
];
for (const [what, given, gives] of GRANTS) {
  Deno.test(`${what} ${gives ? "gives" : "does not give"} a capability`, () => {
    assert.equal(grants(aCapability(...given), aCapability(`${SPACE}/kv/a`, GET)), gives);
  });
}

Deno.test("a capability with a caveat is given by one without", () => {
  assert.ok(grants(aCapability(`${SPACE}/kv`, GET), aCapability(`${SPACE}/kv/a`, GET, true)));
});

Deno.test("no delegation gives nothing", () => {
  assert.equal(isGranted(indexGrants([]), aCapability()), false);
});

Deno.test("what two delegations give together is not taken for what one of them gives", () => {
  const [a, b] = ["a", "b"].map((name) =>
    aDelegation(name, { capabilities: [aCapability(`${SPACE}/kv/${name}`)] })
  );
  assert.ok(a && b);
  const wanted = aCapability(`${SPACE}/kv/b`);

  assert.ok(isGranted(indexGrants([a, b]), wanted));
  assert.equal(isGranted(indexGrants([a]), wanted), false);
  assert.ok(isGranted(indexGrants([a, b]), wanted));
});

Deno.test("a delegation is indexed once, however often it is asked", () => {
  const given = aDelegation("given");
  assert.equal(indexGrants([given]), indexGrants([given]));
});

// Few letters, so that paths often lie below each other.
const path = fc.option(
  fc.string({ unit: fc.constantFrom("a", "b", "/", "/"), maxLength: 5 }),
  { nil: undefined },
);

Deno.test("an index of many grants gives what one of them gives by the rule", () => {
  const capability = fc.record({
    resource: fc.oneof(
      path.map(kv),
      fc.constantFrom("urn:a", "urn:b", URN, `${SPACE}/sql/a`, `${SPACE}/kv/a#f`).map(
        parseResource,
      ),
    ),
    ability: fc.constantFrom(GET, PUT, "tinycloud.kv/del", "tinycloud.kv/delete").map(parseAbility),
    caveated: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(capability, { maxLength: 6 }), capability, (given, wanted) => {
      const index = indexGrants([
        aDelegation("a", { capabilities: given.slice(0, 3) }),
        aDelegation("b", { capabilities: given.slice(3) }),
      ]);
      assert.equal(isGranted(index, wanted), given.some((each) => grantsByRule(each, wanted)));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("extends is reflexive", () => {
  fc.assert(fc.property(path, (path) => assert.ok(extendsPath(path, path))));
});

Deno.test("extends is transitive", () => {
  let met = 0;
  const check = (a: Path, b: Path, c: Path) => {
    if (!extendsPath(b, a) || !extendsPath(c, b)) return;
    met++;
    assert.ok(extendsPath(c, a), `${named(c)} under ${named(b)} under ${named(a)}`);
  };
  // All paths of up to three letters first, then random ones.
  const all: Path[] = [undefined, ""];
  for (const each of all) {
    if (each !== undefined && each.length < 3) all.push(`${each}a`, `${each}/`);
  }
  for (const a of all) for (const b of all) for (const c of all) check(a, b, c);
  fc.assert(fc.property(path, path, path, check), { numRuns: 2000 });
  assert.ok(met > 200, `only ${met} chains of three`);
});

Deno.test("two paths that extend each other are equal", () => {
  fc.assert(fc.property(path, path, (a, b) => {
    assert.equal(extendsPath(a, b) && extendsPath(b, a), a === b);
  }));
});

Deno.test("what extends a path has a `/` where the path ends, on one side or the other", () => {
  fc.assert(
    fc.property(path, path, (parent, child) => {
      fc.pre(parent !== undefined && child !== undefined && parent !== child);
      const begins = child?.startsWith(parent ?? "") === true;
      const next = child?.charAt(parent?.length ?? 0);
      const expected = begins && (parent?.endsWith("/") === true || next === "/");
      assert.equal(extendsPath(child, parent), expected);
    }),
    { numRuns: 1000 },
  );
});
