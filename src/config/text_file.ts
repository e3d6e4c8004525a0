// Small text files, read with a bound: a path may name anything, /dev/zero too.

/** The whole file as UTF-8. Throws what the system says, or why it takes no such file. */
export async function readText(path: string, maxBytes: number): Promise<string> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(maxBytes + 1);
  let length = 0;
  while (length <= maxBytes) {
    const read = await file.read(bytes.subarray(length));
    if (read === null) break;
    length += read;
  }
  if (length > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`);

  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, length));
  } catch (cause) {
    throw new Error("it is not UTF-8 text", { cause });
  }
}

/** Why a file could not be read or written, without the error's class. */
export function why(error: unknown): string {
  return error instanceof Deno.errors.NotFound
    ? "it does not exist"
    : String(error).replace(/^\w+: /, "");
}
