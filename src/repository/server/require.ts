// Drivers are CommonJS. In the one-file build their `require` of the platform's modules is the global
// one, which a module has to provide; from source it changes nothing.

import { createRequire } from "node:module";

const PLATFORM = createRequire(import.meta.url);

/** Called before a driver is loaded. */
export function provideRequire(): void {
  if ("require" in globalThis) return;
  Object.defineProperty(globalThis, "require", { value: PLATFORM, configurable: true });
}
