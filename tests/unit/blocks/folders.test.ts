import assert from "node:assert/strict";
import { makeFolders } from "../../../src/blocks/folders.ts";

const base = await Deno.realPath(await Deno.makeTempDir());
Deno.test.afterAll(() => Deno.remove(base, { recursive: true }));

Deno.test("missing folders are made private, whatever is above them", async () => {
  const made = await makeFolders(`${base}/one/two/three`);

  assert.equal(made, `${base}/one/two/three`);
  for (const folder of [made, `${base}/one/two`, `${base}/one`]) {
    assert.equal(Number((await Deno.stat(folder)).mode) & 0o777, 0o700, folder);
  }
});

Deno.test({
  name: "folders are made and found where those above may not be looked at",
  permissions: { read: [base], write: [base] },
  async fn() {
    assert.equal(await makeFolders(`${base}/inner`), `${base}/inner`);
    assert.equal(await makeFolders(`${base}/inner`), `${base}/inner`);
    await assert.rejects(Deno.stat(`${base}/..`), Deno.errors.NotCapable);
  },
});

Deno.test("a folder is found through a symlink, and a file in its place refused", async () => {
  await Deno.mkdir(`${base}/real`);
  await Deno.symlink(`${base}/real`, `${base}/linked`);
  await Deno.writeTextFile(`${base}/file`, "");

  assert.equal(await makeFolders(`${base}/linked/inner`), `${base}/real/inner`);
  await assert.rejects(makeFolders(`${base}/file`));
  await assert.rejects(makeFolders(`${base}/file/inner`));
});
