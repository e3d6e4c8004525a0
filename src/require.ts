// Some packages are CommonJS. In the one-file build their `require` of the platform's modules is the
// global one, which a program has to provide; from source it changes nothing. Loaded before all else.

import { createRequire } from "node:module";

if (!("require" in globalThis)) {
  const value = createRequire(import.meta.url);
  Object.defineProperty(globalThis, "require", { value, configurable: true });
}
