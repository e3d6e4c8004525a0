// What S3 says, in the wire's words (wire §10): by its code, never by its text, which may quote what
// was asked.

import { type ErrorCode, NodeError } from "../errors.ts";
import { systemCode } from "./storage_error.ts";

/** Why a request to S3 failed, in a sentence of our own. What the SDK threw is its cause. */
export class S3Failure extends Error {
  override readonly name = "S3Failure";

  constructor(readonly code: string, sentence: string, options?: ErrorOptions) {
    super(sentence, options);
  }
}

const FULL = new Set([
  "EntityTooLarge",
  "InsufficientStorage",
  "QuotaExceeded",
  "QuotaExceededException",
  "ServiceQuotaExceeded",
  "XMinioStorageFull",
]);
const INSUFFICIENT_STORAGE = 507;

const SENTENCES: Readonly<Record<string, string>> = {
  AccessDenied: "these credentials may not do what the node must (docs/s3.md)",
  AuthorizationHeaderMalformed: "the bucket is in another region",
  CredentialsProviderError: "there are no credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)",
  EntityTooLarge: "the object is too large for it",
  ExpiredToken: "the session token has expired",
  IllegalLocationConstraintException: "the bucket is in another region",
  InvalidAccessKeyId: "it does not know the access key",
  InvalidToken: "the session token is not valid",
  NoSuchBucket: "there is no such bucket",
  PermanentRedirect: "the bucket is in another region, or at another endpoint",
  QuotaExceeded: "its quota is used up",
  RequestTimeTooSkewed: "its clock and this machine's differ by more than 15 minutes",
  SignatureDoesNotMatch: "the secret access key is wrong",
  Stalled: "it did not answer in time",
  TokenRefreshRequired: "the session token has expired",
};

/** Answers that another try may change, though they blame the request. */
const TRANSIENT = new Set([
  "BadDigest",
  "IncompleteBody",
  "OperationAborted",
  "RequestTimeout",
  "SlowDown",
  "TemporaryRedirect",
  "XAmzContentSHA256Mismatch",
]);
const TRANSIENT_STATUS = new Set([408, 429, 500, 502, 503, 504]);

/** The store's failure as the port tells it; a NodeError stays what it is. */
export function s3Error(cause: unknown, action: "read" | "write"): NodeError {
  if (cause instanceof NodeError) return cause;
  const failure = cause instanceof S3Failure ? cause : s3Failure(cause);
  return new NodeError(wireCode(failure, action), undefined, { cause: failure });
}

/** Whether the same request may well succeed a moment later. */
export function isTransient(error: unknown): boolean {
  if (error instanceof NodeError || error instanceof Deno.errors.NotCapable) return false;
  const [code, status] = [codeOf(error), statusOf(error)];
  if (TRANSIENT.has(code)) return true;
  if (FULL.has(code) || code === "CredentialsProviderError") return false;
  // Without a status nobody answered; with a good one, what was answered made no sense.
  return status === undefined || status < 300 || TRANSIENT_STATUS.has(status);
}

/** Whether S3 said that the object is not there; a bucket that is not there is another thing. */
export function isMissing(error: unknown): boolean {
  return codeOf(error) === "NoSuchKey" && statusOf(error) === 404;
}

function s3Failure(cause: unknown): S3Failure {
  const [code, status] = [codeOf(cause), statusOf(cause)];
  const sentence = SENTENCES[code] ??
    (cause instanceof Deno.errors.NotCapable
      ? `the runtime does not permit it: ${cause.message}`
      : status === undefined
      ? `it cannot be reached (${code})`
      : status < 300
      ? "what it answers is not S3's"
      : `it answers ${status} (${code})`);
  return new S3Failure(code, sentence, { cause });
}

function wireCode(failure: S3Failure, action: "read" | "write"): ErrorCode {
  if (FULL.has(failure.code) || statusOf(failure.cause) === INSUFFICIENT_STORAGE) {
    return "storage_full";
  }
  const isBarred = failure.code === "AccessDenied" && action === "write";
  return isBarred ? "storage_readonly" : "storage_unavailable";
}

const NAME = /^[A-Za-z][\w.]{0,63}$/;

/** The server's code, the system's, or the error's name. Whatever looks like none is `Unknown`. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "Unknown";
  const code = statusOf(error) === undefined ? systemCode(error) ?? error.name : error.name;
  return NAME.test(code) ? code : "Unknown";
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("$metadata" in error)) return undefined;
  const { $metadata } = error;
  if (typeof $metadata !== "object" || $metadata === null) return undefined;
  const status = "httpStatusCode" in $metadata ? $metadata.httpStatusCode : undefined;
  return typeof status === "number" ? status : undefined;
}
