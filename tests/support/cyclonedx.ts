// CycloneDX's schema of version 1.6, by its own library.

import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
// The library asks for these when they are there; it does not bring them along.
import "ajv";
import "ajv-formats";
import "ajv-formats-draft2019";

/** What is wrong with a bill of materials; null for nothing. */
export function cyclonedxFaults(bill: unknown): Promise<unknown> {
  return new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(JSON.stringify(bill));
}
