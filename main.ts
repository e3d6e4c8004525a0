import "./src/require.ts";
import { main } from "./src/cli.ts";

// A Worker of the bundle loads this file too, for a part of it (src/repository/sqlite/writer_worker.ts).
if (!("WorkerGlobalScope" in globalThis)) Deno.exit(await main(Deno.args));
