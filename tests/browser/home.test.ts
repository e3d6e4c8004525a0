// The page at `/` (wire §9) as people meet it: read, tabbed through, printed dark on light and light on
// dark, with scripts and without.

import assert from "node:assert/strict";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { startTestNode } from "../support/node.ts";
import { VERSION } from "../../src/version.ts";
import { aPage, browserTest, open } from "./browser.ts";

const SCHEMES = ["light", "dark"] as const;

/** Code for the page, as text: this program has no types of the DOM. */
const BACKGROUND = "getComputedStyle(document.body).backgroundColor";
const OUTLINE = `(({ outlineStyle, outlineWidth, outlineColor }) =>
  [outlineStyle, outlineWidth, outlineColor])(getComputedStyle(document.activeElement))`;
const OVERFLOW = "document.documentElement.scrollWidth - innerWidth";

browserTest(
  "the page says what the node is and how to connect, and asks for nothing more",
  async (browser) => {
    await using node = await startTestNode();
    // The node does not know by which name it is called; the browser does.
    const address = node.url.replace("127.0.0.1", "localhost");
    const watched = await aPage(browser);

    await open(watched, `${address}/`);

    const { page, requests, complaints } = watched;
    assert.equal(await page.title(), "A TinyCloud node");
    assert.equal(await page.getByRole("heading", { level: 1 }).innerText(), "A cloud of your own");
    const main = await page.getByRole("main").innerText();
    const said = [
      "This is a TinyCloud node",
      "Ready.",
      "TinyCloud 1",
      "kv",
      "delegation",
      "sharing",
    ];
    for (const each of [...said, VERSION, node.node.nodeId, `connect("${address}")`]) {
      assert.ok(main.includes(each), each);
    }
    for (const name of ["Here by chance?", "Connect an app", "This node"]) {
      await page.getByRole("region", { name }).waitFor();
    }
    assert.deepEqual(requests, [`GET ${address}/`]);
    assert.deepEqual(complaints, []);
  },
);

browserTest("the page says that the node is not ready", async (browser) => {
  await using node = await startTestNode();
  await Deno.rename(`${node.folder}/blocks`, `${node.folder}/away`);
  const watched = await aPage(browser);

  await open(watched, node.url);

  const main = await watched.page.getByRole("main").innerText();
  assert.ok(main.includes("Not ready. It answers: Storage unavailable."), main);
  await assertAccessible(watched.page);
});

browserTest(
  "without scripts the page says the same, but for the address that only a script knows",
  async (browser) => {
    await using node = await startTestNode();
    const watched = await aPage(browser, { javaScriptEnabled: false });

    await open(watched, node.url);

    const { page, requests } = watched;
    const main = await page.getByRole("main").innerText();
    for (
      const each of [VERSION, node.node.nodeId, "Ready.", `connect("the address of this page")`]
    ) {
      assert.ok(main.includes(each), each);
    }
    assert.match(main, /Give them the address of this page\n/);
    assert.equal(await page.getByRole("button").count(), 0, "a button that does nothing");
    assert.equal(requests.length, 1);
  },
);

for (const colorScheme of SCHEMES) {
  browserTest(`the page is accessible in ${colorScheme}, contrast included`, async (browser) => {
    await using node = await startTestNode();
    const watched = await aPage(browser, { colorScheme });

    await open(watched, node.url);

    const paper = luminance(await watched.page.evaluate<string>(BACKGROUND));
    assert.ok(
      colorScheme === "light" ? paper > 0.8 : paper < 0.05,
      "the scheme that was asked for",
    );
    await assertAccessible(watched.page);
    assert.deepEqual(watched.complaints, []);
  });

  browserTest(
    `in ${colorScheme} the keyboard goes through the page in order, seen at each stop`,
    async (browser) => {
      await using node = await startTestNode();
      const watched = await aPage(browser, { colorScheme });
      const { page } = watched;
      await open(watched, node.url);

      const stops: string[] = [];
      for (let stop = 0; stop < 5; stop++) {
        await page.keyboard.press("Tab");
        const focused = page.locator(":focus");
        stops.push(await focused.innerText());
        const [style, width, colour] = await page.evaluate<string[]>(OUTLINE);
        assert.equal(style, "solid");
        assert.ok(parseFloat(width ?? "") >= 2, width);
        // WCAG 2.2 §1.4.11: what shows a state is told from what is beside it.
        assert.ok(contrast(colour ?? "", await page.evaluate(BACKGROUND)) >= 3, colour);
      }

      const copy = ["the address", "the example", "the node’s name"].map((what) => `Copy ${what}`);
      assert.deepEqual(stops.map((stop) => stop.replace(/\s+/g, " ")), [
        ...copy,
        "info",
        "healthz",
      ]);
    },
  );
}

browserTest("the page fits windows of any width", async (browser) => {
  await using node = await startTestNode();
  const watched = await aPage(browser);
  await open(watched, node.url);
  for (const width of [320, 390, 768, 1600]) {
    await watched.page.setViewportSize({ width, height: 700 });
    assert.ok(await watched.page.evaluate<number>(OVERFLOW) <= 0, `${width} pixels`);
  }
});

browserTest("the node's name is copied by the keyboard, and it is said so", async (browser) => {
  await using node = await startTestNode();
  const watched = await aPage(browser, { permissions: ["clipboard-read", "clipboard-write"] });
  const { page } = watched;
  await open(watched, node.url);

  await page.getByRole("button", { name: "Copy the node’s name" }).press("Enter");

  await page.getByRole("status").getByText("Copied the node’s name").waitFor();
  await page.getByRole("button", { name: "Copied the node’s name" }).waitFor();
  assert.equal(await page.evaluate("navigator.clipboard.readText()"), node.node.nodeId);
});

browserTest(
  "a name that the browser does not let the page copy is selected instead",
  async (browser) => {
    await using node = await startTestNode();
    const watched = await aPage(browser);
    const { page } = watched;
    await page.addInitScript(
      "navigator.clipboard.writeText = () => Promise.reject(new Error('no'))",
    );
    await open(watched, node.url);

    await page.getByRole("button", { name: "Copy the node’s name" }).click();

    assert.equal(await page.evaluate("String(getSelection())"), node.node.nodeId);
  },
);

browserTest(
  "a page without a clipboard, such as one on plain http, has no buttons",
  async (browser) => {
    await using node = await startTestNode();
    const watched = await aPage(browser);
    await watched.page.addInitScript("delete Navigator.prototype.clipboard");
    await open(watched, node.url);
    assert.equal(await watched.page.getByRole("button").count(), 0);
    assert.deepEqual(watched.complaints, []);
  },
);

browserTest("nothing on the page moves", async (browser) => {
  await using node = await startTestNode();
  const watched = await aPage(browser);
  await open(watched, node.url);
  const moving = await watched.page.evaluate(
    `[...document.querySelectorAll("*")].map((each) => getComputedStyle(each)).filter(
      ({ animationName, transitionDuration, scrollBehavior }) =>
        animationName !== "none" || transitionDuration !== "0s" || scrollBehavior !== "auto").length`,
  );
  assert.equal(moving, 0);
});

browserTest("the policy stops what a hole in the page would let in", async (browser) => {
  await using node = await startTestNode();
  const watched = await aPage(browser);
  const { page, complaints } = watched;
  await open(watched, node.url);

  await page.evaluate(`
    document.body.insertAdjacentHTML("beforeend",
      '<img src="/info"><img src="data:," onerror="window.got = 1"><i style="color: red"></i>' +
      '<form action="/info"></form><base href="https://elsewhere.example/">');
    const script = document.createElement("script");
    script.textContent = "window.got = 2";
    document.body.append(script);
    fetch("/info").catch(() => {});
    document.forms[0].requestSubmit();
  `);

  assert.equal(await page.evaluate("window.got"), undefined);
  assert.equal(await page.evaluate("document.baseURI"), `${node.url}/`);
  const refused = complaints.filter((each) => each.includes("Content Security Policy"));
  const rules = ["img-src", "script-src", "style-src", "base-uri", "form-action", "connect-src"];
  for (const rule of rules) {
    const instead = rule === "connect-src" ? "default-src" : rule;
    assert.ok(refused.some((each) => each.includes(instead)), `${rule}: ${refused.join("\n")}`);
  }
  const seen = node.lines.filter((line) => line.includes(" request "));
  assert.equal(seen.length, 1, seen.join("\n"));
});

browserTest("no site can frame the page", async (browser) => {
  await using node = await startTestNode();
  const watched = await aPage(browser);
  const { page, complaints } = watched;
  await open(watched, `${node.url}/healthz`);

  await page.evaluate(`document.body.innerHTML = '<iframe src="/"></iframe>'`);

  const framed = page.frameLocator("iframe").getByRole("heading");
  await page.waitForFunction("document.querySelector('iframe')?.contentDocument === null");
  assert.equal(await framed.count(), 0);
  assert.ok(complaints.some((each) => each.includes("frame-ancestors")), complaints.join("\n"));
});

/** No rule of axe is broken, and the one of contrast had text to judge. */
async function assertAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  const { violations, passes, incomplete } = await page.evaluate<axe.AxeResults>("axe.run()");
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join()}`);
  assert.deepEqual(told, []);
  assert.ok(passes.some(({ id }) => id === "color-contrast"), "contrast was judged");
  assert.ok(!incomplete.some(({ id }) => id === "color-contrast"), "of all text");
}

/** Of `rgb(r, g, b)` (WCAG 2.2). */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [...colour.matchAll(/[\d.]+/g)].map(([digits]) => {
    const channel = Number(digits) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}
