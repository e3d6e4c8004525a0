// Chromium for a test: found, started, watched, and ended in every case. It is driven by
// playwright-core, which looks into /proc: hence `--allow-all` for these tests.

import assert from "node:assert/strict";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { withinTime } from "../support/raw_http.ts";

const START_MS = 60_000;
/** A whole test. */
const TEST_MS = 120_000;
const END_MS = 5_000;
/** One look or one click. */
const ACTION_MS = 40_000;
const NAMES = ["chromium", "chromium-browser", "google-chrome"];

const executable = await findChromium();

/** In CI the tests are never ignored. */
const ignore = executable === undefined && Deno.env.get("CI") === undefined;
/** Started before a file's first test, ended after its last. */
let running: Running | undefined;

if (!ignore) {
  Deno.test.beforeAll(async () => void (running = await startBrowser()));
  Deno.test.afterAll(end);
}

/** A test in Chromium. */
export function browserTest(name: string, run: (browser: Browser) => Promise<void>): void {
  Deno.test({
    name: ignore ? `${name} (ignored: no Chromium in PATH, and CHROMIUM names none)` : name,
    ignore,
    async fn() {
      if (running === undefined) throw new Error("Chromium hung in an earlier test");
      const { browser } = running;
      let hangs = true;
      const done = run(browser).finally(() => closeAll(browser)).finally(() => hangs = false);
      try {
        await withinTime(done, "Chromium did not do what the test asks", TEST_MS);
      } finally {
        if (hangs) await end();
      }
    },
  });
}

async function end(): Promise<void> {
  const ending = running;
  running = undefined;
  await ending?.[Symbol.asyncDispose]();
}

/** A Chromium; disposing ends it, whatever state it is in. */
export interface Running extends AsyncDisposable {
  readonly browser: Browser;
}

/** Throws when there is no Chromium, or none that starts. */
export async function startBrowser(): Promise<Running> {
  if (executable === undefined) {
    throw new Error(
      "there is no Chromium: install Debian's `chromium`, or set CHROMIUM to its path",
    );
  }
  const server = await chromium.launchServer({
    executablePath: executable,
    // Containers and root have no sandbox of Chromium's; only pages of these tests are opened.
    args: ["--no-sandbox"],
    host: "127.0.0.1",
    timeout: START_MS,
    // These signals end this process as ever, and Chromium ends with the pipe to it.
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  });
  const browser = await chromium.connect(server.wsEndpoint(), { timeout: START_MS });
  return {
    browser,
    async [Symbol.asyncDispose]() {
      await withinTime(server.close(), "Chromium did not end", END_MS).catch(() => server.kill());
    },
  };
}

async function closeAll(browser: Browser): Promise<void> {
  await Promise.all(browser.contexts().map((context) => context.close()));
}

/** A page, all that it asked for, and all that the browser complains of: scripts, CSP, CORS. */
export interface Watched {
  readonly page: Page;
  /** Method and URL of each request, but for preflights. */
  readonly requests: readonly string[];
  readonly complaints: readonly string[];
}

/** A page in a profile of its own. */
export async function aPage(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(ACTION_MS);
  const page = await context.newPage();
  const requests: string[] = [];
  const complaints: string[] = [];
  page.on("request", (request) => requests.push(`${request.method()} ${request.url()}`));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  return { page, requests, complaints };
}

/** Opens the URL and checks that it answers 200. */
export async function open({ page }: Watched, url: string): Promise<void> {
  assert.equal((await page.goto(url))?.status(), 200);
}

async function findChromium(): Promise<string | undefined> {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  const named = Deno.env.get("CHROMIUM");
  const paths = named === undefined
    ? folders.flatMap((folder) => NAMES.map((name) => `${folder}/${name}`))
    : [named];
  for (const path of paths) {
    const found = await Deno.stat(path).catch(() => undefined);
    if (found?.isFile) return path;
  }
  return undefined;
}
