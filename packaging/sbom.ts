// `deno task sbom`: what is in dist/tinycloud.js, as a CycloneDX bill of materials
// (dist/sbom.cdx.json), and the licences that must go with it (dist/THIRD-PARTY-LICENCES.txt).

import { VERSION } from "../src/version.ts";
import { buildTime } from "./build_time.ts";
import { type NpmPackage, packagesOf, readSources, readWanted } from "./bundle.ts";
import { type Licence, readLicence } from "./licences.ts";

export interface Part extends NpmPackage {
  readonly licence: Licence;
  /** SHA-512 of the archive that the registry served, hex, as deno.lock pins it. */
  readonly sha512: string;
}

/** The bill, in the order of names. `time` is in seconds, `runtime` Deno's version. */
export function bill(parts: readonly Part[], time: number, runtime: string): unknown {
  const refs = new Map(parts.map((part) => [`${part.name}@${part.version}`, purl(part)]));
  const self = `pkg:generic/tinycloud@${VERSION}`;
  const platform = `pkg:generic/deno@${runtime}`;
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      timestamp: new Date(time * 1000).toISOString(),
      component: {
        type: "application",
        "bom-ref": self,
        name: "tinycloud",
        version: VERSION,
        licenses: licensesOf("Apache-2.0"),
        purl: self,
      },
    },
    components: [
      {
        type: "platform",
        "bom-ref": platform,
        name: "deno",
        version: runtime,
        description: "The runtime: within the binaries and packages, not in the one-file build.",
        licenses: licensesOf("MIT"),
        purl: platform,
      },
      ...parts.map((part) => ({
        type: "library",
        "bom-ref": purl(part),
        name: part.name,
        version: part.version,
        hashes: [{ alg: "SHA-512", content: part.sha512 }],
        licenses: licensesOf(part.licence.expression),
        purl: purl(part),
      })),
    ],
    dependencies: [
      { ref: self, dependsOn: [platform, ...refs.values()] },
      ...parts.map((part) => ({
        ref: purl(part),
        dependsOn: part.dependencies.flatMap((id) => refs.get(id) ?? []),
      })),
    ],
  };
}

/** Every licence text once, with the packages that it stands for. */
export function licenceList(parts: readonly Part[]): string {
  const byText = Map.groupBy(parts, ({ licence }) => licence.text);
  const chapters = [...byText].map(([text, those]) => {
    const names = those.map(({ name, version, licence }) =>
      `${name} ${version} (${licence.expression})\n`
    );
    return `${names.join("")}\n${text}\n`;
  });
  const head = `TinyCloud Node ${VERSION} is under the Apache License 2.0. It contains these ` +
    `packages of others,\nunder the licences that follow their names. The binaries also contain ` +
    `the Deno runtime (MIT,\nCopyright 2018-2026 the Deno authors), whose own parts are listed at ` +
    `its source.\n`;
  return [head, ...chapters].join(`\n${"-".repeat(80)}\n\n`);
}

/** The parts of a bundle. Throws with every package whose licence we can't pass on. */
export async function readParts(bundle: string): Promise<Part[]> {
  const { packages } = await readWanted("main.ts");
  const lock: { readonly npm: Readonly<Record<string, { readonly integrity: string }>> } = JSON
    .parse(await Deno.readTextFile("deno.lock"));
  const integrity = new Map(
    Object.entries(lock.npm).map(([id, entry]) => [withoutPeers(id), entry.integrity]),
  );
  const parts: Part[] = [];
  const problems: string[] = [];
  for (const each of packagesOf(await readSources(bundle), packages)) {
    const id = `${each.name}@${each.version}`;
    const [kind, digest = ""] = (integrity.get(id) ?? "").split("sha512-");
    if (kind !== "" || digest === "") throw new Error(`deno.lock has no SHA-512 of ${id}`);
    try {
      const licence = await readLicence(each.folder);
      parts.push({ ...each, licence, sha512: Uint8Array.fromBase64(digest).toHex() });
    } catch (error) {
      problems.push(`${id}: ${error instanceof Error ? error.message : error}`);
    }
  }
  if (parts.length === 0) problems.push(`${bundle} holds no package: is its source map right?`);
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return parts;
}

/** `pg-pool@3.14.0_pg@8.23.1` is the same archive as `pg-pool@3.14.0`. */
function withoutPeers(id: string): string {
  return id.replace(/(?<=.@[^_]+)_.*/, "");
}

function purl({ name, version }: NpmPackage): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

function licensesOf(expression: string): unknown {
  return expression.includes(" ") ? [{ expression }] : [{ license: { id: expression } }];
}

if (import.meta.main) {
  const parts = await readParts("dist/tinycloud.js");
  const made = bill(parts, await buildTime(), Deno.version.deno);
  await Deno.writeTextFile("dist/sbom.cdx.json", `${JSON.stringify(made, null, 2)}\n`);
  await Deno.writeTextFile("dist/THIRD-PARTY-LICENCES.txt", licenceList(parts));
}
