// What docs/openapi.yaml says of an answer, and whether it is so. `ask` compares every answer that a
// test gets from a node.

import { Ajv2020, type AnySchema, type ValidateFunction } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { sentencesOf } from "./error_page.ts";

interface Header {
  readonly required?: boolean;
  readonly schema: AnySchema;
}

export interface DocumentedAnswer {
  readonly headers?: Readonly<Record<string, Header>>;
  readonly content?: Readonly<Record<string, { readonly schema?: AnySchema }>>;
}

export interface Operation {
  readonly responses: Readonly<Record<string, DocumentedAnswer>>;
  readonly "x-abilities"?: Readonly<Record<string, { readonly answer: DocumentedAnswer }>>;
}

/** As much of OpenAPI as is used here, with every `$ref` replaced by what it names. */
export interface ApiDocument {
  /** By path, then by method; `parameters` stands among the methods. */
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly "x-every-answer": { readonly headers: Readonly<Record<string, Header>> };
  readonly "x-any-other-path": Readonly<Record<string, DocumentedAnswer>>;
  readonly "x-any-other-method": Readonly<Record<string, DocumentedAnswer>>;
}

/** A request and the answer to it. */
export interface Exchange {
  readonly method: string;
  /** As it was sent, with its query. */
  readonly path: string;
  readonly token?: string | undefined;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export const METHODS = ["get", "head", "post", "put", "delete", "patch", "options"] as const;

export const DOCUMENT_TEXT: string = await Deno.readTextFile(
  new URL("../../docs/openapi.yaml", import.meta.url),
);

// `as`: tests/integration/openapi.test.ts holds the file against the schema of OpenAPI.
export const DOCUMENT = withoutRefs(parse(DOCUMENT_TEXT)) as ApiDocument;

/** What HTTP itself or the runtime adds. */
const OF_HTTP: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "content-type",
  "date",
  "transfer-encoding",
  "vary",
]);

/** Characters of a body that is held against its schema; loads send longer ones. */
const MAX_COMPARED = 1024 * 1024;

const seen = new Set<string>();

/** The (operation, status) pairs of all answers so far, in this process. */
export function pairsSeen(): ReadonlySet<string> {
  return seen;
}

/** All pairs that the document has: `POST /invoke 200`. */
export function pairsDocumented(): string[] {
  const pairs = Object.entries(DOCUMENT.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) =>
      Object.keys(operationIn(item, method)?.responses ?? {})
        .map((status) => `${method.toUpperCase()} ${path} ${status}`)
    )
  );
  return [...pairs, "any other path 404", "any other method 405"];
}

/** Throws, with all of them, when the answer differs from what is documented. */
export function assertDocumented(exchange: Exchange): void {
  const findings = differences(exchange);
  if (findings.length === 0) return;
  const { method, path, status } = exchange;
  throw new Error(`docs/openapi.yaml: ${method} ${path} ${status}: ${findings.join("; ")}`);
}

/** How the answer differs from what is documented. */
export function differences(exchange: Exchange): string[] {
  const { method, path, status, headers, text, token } = exchange;
  const { name, operation } = operationFor(method, path);
  const answer = operation.responses[status];
  if (answer === undefined) return ["this status is not documented"];
  seen.add(`${name} ${status}`);

  const findings = headerFindings(answer, exchange);
  const code = headers.get("x-tinycloud-error");
  if (code !== null && method !== "HEAD" && !sentencesOf(code).some((one) => one.test(text))) {
    findings.push(`docs/errors.md has no such sentence of ${code}: ${text}`);
  }
  findings.push(...bodyFindings(answer, exchange));
  const ability = status === 200 && token !== undefined ? abilityOf(token) : undefined;
  const byAbility = operation["x-abilities"]?.[ability ?? ""]?.answer;
  if (byAbility === undefined) return findings;
  return [
    ...findings,
    ...headerFindings(byAbility, exchange).map((finding) => `${ability}: ${finding}`),
    ...bodyFindings(byAbility, exchange).map((finding) => `${ability}: ${finding}`),
  ];
}

function operationIn(item: Readonly<Record<string, unknown>>, method: string) {
  // `as`: see DOCUMENT.
  return item[method] as Operation | undefined;
}

function operationFor(method: string, target: string): { name: string; operation: Operation } {
  const path = (target.split("?", 1)[0] ?? "").replace(/^\/+/, "/");
  const found = Object.entries(DOCUMENT.paths).find(([template]) => isOf(template, path));
  if (found === undefined) {
    if (method === "OPTIONS") return operationFor(method, "/invoke");
    return { name: "any other path", operation: { responses: DOCUMENT["x-any-other-path"] } };
  }
  const [template, item] = found;
  const operation = operationIn(item, method.toLowerCase());
  return operation === undefined
    ? { name: "any other method", operation: { responses: DOCUMENT["x-any-other-method"] } }
    : { name: `${method} ${template}`, operation };
}

function isOf(template: string, path: string): boolean {
  const fixed = template.split(/\{\w+\}/).map((part) =>
    part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
  );
  return new RegExp(`^${fixed.join("[^/]+")}$`).test(path);
}

function headerFindings(answer: DocumentedAnswer, { headers, status }: Exchange): string[] {
  const documented = new Map(
    Object.entries({ ...DOCUMENT["x-every-answer"].headers, ...answer.headers })
      .map(([name, header]) => [name.toLowerCase(), header]),
  );
  const findings: string[] = [];
  for (const [name, { required, schema }] of documented) {
    const value = headers.get(name);
    if (value === null) {
      if (required === true) findings.push(`${name} is missing`);
    } else if (!isTextOf(schema, value)) findings.push(`${name} is ${value}`);
  }
  const prefixes = [...documented.keys()].flatMap((name) =>
    name.endsWith("*") ? [name.slice(0, -1)] : []
  );
  for (const [name] of headers) {
    if (documented.has(name) || OF_HTTP.has(name)) continue;
    if (prefixes.some((prefix) => name.startsWith(prefix))) continue;
    findings.push(`the header ${name} is not documented`);
  }
  if (status < 400 && headers.has("x-tinycloud-error")) findings.push("an error code");
  return findings;
}

function bodyFindings(
  { content }: DocumentedAnswer,
  { headers, method, text }: Exchange,
): string[] {
  if (content === undefined) return text === "" ? [] : ["a body is not documented"];
  if (method === "HEAD") return [];
  const type = headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const media = content[type] ?? content["*/*"];
  if (media === undefined) return [`a body of type "${type}" is not documented`];
  if (media.schema === undefined || text.length > MAX_COMPARED) return [];
  try {
    const fits = type === "application/json"
      ? isValid(media.schema, JSON.parse(text))
      : isTextOf(media.schema, text);
    return fits ? [] : [`the body does not fit: ${text.slice(0, 200)}`];
  } catch {
    return ["the body is no JSON"];
  }
}

/** The ability that a token uses which was answered 200, so it is well formed. */
function abilityOf(token: string): string | undefined {
  const [, payload] = token.split(".");
  if (payload === undefined) return undefined;
  const bytes = Uint8Array.fromBase64(payload, { alphabet: "base64url" });
  const { att }: { att: Record<string, object> } = JSON.parse(new TextDecoder().decode(bytes));
  const [ability] = Object.values(att).flatMap((abilities) => Object.keys(abilities));
  return ability === "tinycloud.kv/delete" ? "tinycloud.kv/del" : ability;
}

/** The keywords of schemas of texts; a validator would take longer to make than some tests last. */
const OF_TEXT: ReadonlySet<string> = new Set([
  "const",
  "description",
  "enum",
  "examples",
  "pattern",
  "type",
]);

function isTextOf(schema: AnySchema, text: string): boolean {
  if (typeof schema === "boolean") return schema;
  const unknown = Object.keys(schema).find((keyword) => !OF_TEXT.has(keyword));
  if (unknown !== undefined) throw new Error(`docs/openapi.yaml: ${unknown} for a text`);
  return (schema.type ?? "string") === "string" && (schema.const ?? text) === text &&
    (schema.enum?.includes(text) ?? true) && new RegExp(schema.pattern ?? "", "u").test(text);
}

// The schemas are held against their own with the whole document, in openapi.test.ts.
const ajv = new Ajv2020({ strict: false, validateSchema: false, meta: false });
const compiled = new Map<AnySchema, ValidateFunction>();

function isValid(schema: AnySchema, value: unknown): boolean {
  const known = compiled.get(schema) ?? ajv.compile(schema);
  compiled.set(schema, known);
  // An asynchronous schema would answer with a promise; there is none here.
  return known(value) === true;
}

/** The same with every `$ref` replaced; what stands beside one stays. No schema here refers to itself. */
function withoutRefs(root: unknown): unknown {
  const done = new Map<unknown, unknown>();
  const resolve = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null) return value;
    const known = done.get(value);
    if (known !== undefined) return known;
    const result = Array.isArray(value) ? value.map(resolve) : resolveObject(value);
    done.set(value, result);
    return result;
  };
  const resolveObject = (value: object): unknown => {
    const { $ref, ...rest } = Object.fromEntries(
      Object.entries(value).map(([name, member]) => [name, resolve(member)]),
    );
    if (typeof $ref !== "string") return rest;
    const target = resolve(at(root, $ref));
    if (Object.keys(rest).length === 0) return target;
    return typeof target === "object" ? { ...target, ...rest } : target;
  };
  return resolve(root);
}

/** What a reference within the file names: `#/components/schemas/Cid`. */
function at(root: unknown, reference: string): unknown {
  const names = reference.replace(/^#\//, "").split("/")
    .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
  const found = names.reduce<unknown>(
    (value, name) =>
      typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined,
    root,
  );
  if (found === undefined) throw new Error(`docs/openapi.yaml: ${reference} names nothing`);
  return found;
}
