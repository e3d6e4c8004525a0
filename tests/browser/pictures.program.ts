// Takes the pictures of docs/pictures: the node's page in both colour schemes, by the name that a
// public node would have. They show the fonts of this machine; Debian's `pngquant` makes them small.

import { startTestNode } from "../support/node.ts";
import { aPage, startBrowser } from "./browser.ts";

const NAME = "https://cloud.example.org/";
const FOLDER = new URL("../../docs/pictures/", import.meta.url);
/** A known secret, so that the same name stands on every picture. */
const SECRET = new Uint8Array(32).fill(1).toBase64({ alphabet: "base64url", omitPadding: true });

await using node = await startTestNode({ env: { TINYCLOUD_KEYS_SECRET: SECRET } });
await using running = await startBrowser();
await Deno.mkdir(FOLDER, { recursive: true });
for (const colorScheme of ["light", "dark"] as const) {
  const { page } = await aPage(running.browser, {
    colorScheme,
    viewport: { width: 1000, height: 760 },
  });
  await page.route(NAME, async (route) => {
    await route.fulfill({ response: await route.fetch({ url: `${node.url}/` }) });
  });
  await page.goto(NAME);
  const path = new URL(`home-${colorScheme}.png`, FOLDER).pathname;
  await page.screenshot({ path, fullPage: true });
  await shrink(path);
}

async function shrink(path: string): Promise<void> {
  const args = ["--force", "--strip", "--output", path, "128", path];
  const { success } = await new Deno.Command("pngquant", { args }).output();
  if (!success) throw new Error(`pngquant failed on ${path}`);
}
