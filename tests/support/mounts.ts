// Small file systems of their own, to fill up or to fail. Whoever runs the tests must be allowed to
// mount; elsewhere such tests are ignored, but never in CI.

/** A mounted file system; disposing unmounts it. */
export interface Mounted extends AsyncDisposable {
  readonly path: string;
}

/** A file system in memory of so many bytes. */
export async function mountTmpfs(bytes: number, options = "rw"): Promise<Mounted> {
  await using opened = new AsyncDisposableStack();
  const path = await temporaryFolder(opened);
  await run("mount", "-t", "tmpfs", "-o", `size=${bytes},${options}`, "tmpfs", path);
  opened.defer(() => run("umount", path));
  return mounted(path, opened);
}

/** A file system that turns read-only by itself, as after a failing disk, when told to fail. */
export interface FailingMounted extends Mounted {
  fail(): Promise<void>;
}

/** An ext4 of so many bytes, on a loop device. */
export async function mountFailing(bytes: number): Promise<FailingMounted> {
  await using opened = new AsyncDisposableStack();
  const path = await temporaryFolder(opened);
  const image = await Deno.makeTempFile();
  opened.defer(() => Deno.remove(image));
  await Deno.truncate(image, bytes);
  await run("mkfs.ext4", "-q", image);
  const device = (await outputOf("losetup", "--find", "--show", image)).trim();
  opened.defer(() => run("losetup", "--detach", device));
  await run("mount", "-o", "errors=remount-ro", device, path);
  opened.defer(() => run("umount", path));
  const trigger = `/sys/fs/ext4/${device.replace("/dev/", "")}/trigger_fs_error`;
  return {
    ...mounted(path, opened),
    fail: () => run("sh", "-c", `echo 1 > ${trigger}`),
  };
}

/** Remounts, which the kernel refuses while a file is open for writing. */
export async function remount({ path }: Mounted, how: "ro" | "rw"): Promise<void> {
  await run("mount", "-o", `remount,${how}`, path);
}

const mayMount = await works(() => mountTmpfs(64 * 1024));
const mayFail = await works(() => mountFailing(1024 * 1024));

/** A test on such a file system; ignored where there is none. */
export function mountTest(
  name: string,
  needs: "tmpfs" | "failing disk",
  fn: () => Promise<void>,
): void {
  const may = needs === "tmpfs" ? mayMount : mayFail;
  const runs = may || Deno.env.has("CI");
  Deno.test({
    name: runs ? name : `${name} (ignored: mounting is not permitted here)`,
    ignore: !runs,
    fn,
  });
}

async function works(mount: () => Promise<Mounted>): Promise<boolean> {
  try {
    await using _mounted = await mount();
    return true;
  } catch {
    return false;
  }
}

function mounted(path: string, opened: AsyncDisposableStack): Mounted {
  const resources = opened.move();
  return { path, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

async function temporaryFolder(opened: AsyncDisposableStack): Promise<string> {
  const path = await Deno.makeTempDir();
  opened.defer(() => Deno.remove(path));
  return path;
}

async function run(command: string, ...args: readonly string[]): Promise<void> {
  await outputOf(command, ...args);
}

async function outputOf(command: string, ...args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args: [...args] }).output();
  if (!success) throw new Error(`${command}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}
