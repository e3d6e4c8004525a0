import { largeValue } from "./large_values.ts";
await largeValue(1024**3, "with its length");
