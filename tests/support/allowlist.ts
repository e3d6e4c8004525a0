// An allowlist on a real socket, as spaces.allowlist asks it (configuration.md; wire §4).

/** What it answers to a space's CID. */
export type Verdict = (request: Request) => Response | Promise<Response>;

export interface TestAllowlist extends AsyncDisposable {
  /** For `TINYCLOUD_SPACES_ALLOWLIST`. */
  readonly url: string;
  /** Paths asked for, in order. */
  readonly asked: readonly string[];
  /** From now on it answers so. */
  answers(verdict: Verdict): void;
}

export function startAllowlist(verdict: Verdict): TestAllowlist {
  const asked: string[] = [];
  let current = verdict;
  const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const server = Deno.serve(options, (request) => {
    asked.push(new URL(request.url).pathname);
    return current(request);
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/spaces`,
    asked,
    answers: (next) => void (current = next),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
