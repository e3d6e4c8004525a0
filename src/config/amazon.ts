// What the environment says to every program that uses Amazon's services: who it is, and where.

import { regionName } from "./bucket.ts";
import { Refusal } from "./refusal.ts";
import { Secret } from "./secret.ts";
import type { Setting } from "./sources.ts";

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** For credentials that end, as a role has them. */
  readonly sessionToken?: string;
}

const REGION_VARIABLES = ["AWS_DEFAULT_REGION", "AWS_REGION"] as const;

/** The region as an option's value, the stronger one last; a name that is none is nobody's. */
export function amazonRegion(env: Readonly<Record<string, string>>): Setting[] {
  const source = REGION_VARIABLES.findLast((variable) => {
    return !(regionName(env[variable] ?? "") instanceof Refusal);
  });
  return source === undefined ? [] : [{ name: "storage.blocks.region", raw: env[source], source }];
}

const KEY = "AWS_ACCESS_KEY_ID";
const SECRET = "AWS_SECRET_ACCESS_KEY";

/**
 * The credentials; undefined when there are none, so that they are to be looked for elsewhere. A
 * sentence when there is only half of them.
 */
export function amazonCredentials(
  env: Readonly<Record<string, string>>,
): Secret<AwsCredentials> | string | undefined {
  const { [KEY]: accessKeyId = "", [SECRET]: secretAccessKey = "", AWS_SESSION_TOKEN = "" } = env;
  if (accessKeyId === "" && secretAccessKey === "") return undefined;
  if (secretAccessKey === "") return `${KEY} is set without ${SECRET}`;
  if (accessKeyId === "") return `${SECRET} is set without ${KEY}`;
  return new Secret({
    accessKeyId,
    secretAccessKey,
    ...(AWS_SESSION_TOKEN === "" ? {} : { sessionToken: AWS_SESSION_TOKEN }),
  });
}
