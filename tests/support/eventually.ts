// For what gives no sign when it happens: asked again and again, within a deadline.

const EVERY_MS = 20;
const DEADLINE_MS = 10_000;

/** The first answer that is not undefined. Throws once it takes too long. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  ms = DEADLINE_MS,
): Promise<T> {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  throw new Error(`${what}: not within ${ms} ms`);
}
