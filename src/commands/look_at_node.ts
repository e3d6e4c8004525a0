// What can be learnt of a running node from outside. What anybody may ask comes from its own listener;
// the rest from the operator's (`prometheus.port`), if that is the same node's.

import { parseStatusReport, type StatusReport } from "../http/status_report.ts";
import { askNode, NoAnswer } from "./ask_node.ts";

/** What was learnt of a node. */
export type Seen =
  | {
    readonly state: "ready" | "unready" | "stopping";
    readonly url: string;
    readonly version: string;
    readonly nodeId: string;
    /** Why it is not ready: the code that `/healthz` answers. */
    readonly code: string | null;
    /** What its operator may know; null when it did not say. */
    readonly details: StatusReport | null;
    /** Why there are no details. */
    readonly note: string | null;
  }
  | { readonly state: "unknown"; readonly url: string; readonly reason: string };

/** Where a node listens, to everybody and to its operator. */
export interface Places {
  readonly node: URL;
  readonly operator: URL | undefined;
}

/** Never throws: a node that cannot be asked is `unknown`. */
export async function lookAtNode({ node, operator }: Places): Promise<Seen> {
  const url = node.origin;
  try {
    const [health, info, details] = await Promise.all([
      askNode(new URL("/healthz", node)),
      askNode(new URL("/info", node)),
      detailsFrom(operator),
    ]);
    // A node that stops answers nothing else, and says so.
    const isStopping = health.code === "shutting_down";
    const said = identityIn(info.text);
    if (said === undefined && !isStopping) {
      return { state: "unknown", url, reason: `what listens at ${url} is not a TinyCloud node` };
    }
    const isOther = said !== undefined && typeof details === "object" &&
      details.nodeId !== said.nodeId;
    const report = typeof details === "object" && !isOther ? details : null;
    return {
      state: health.status === 200 ? "ready" : isStopping ? "stopping" : "unready",
      url,
      version: said?.version ?? report?.version ?? "unknown",
      nodeId: said?.nodeId ?? report?.nodeId ?? "unknown",
      code: health.status === 200 ? null : health.code ?? `HTTP ${health.status}`,
      details: report,
      note: isOther
        ? "the metrics listener is another node's"
        : typeof details === "string"
        ? details
        : null,
    };
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    return { state: "unknown", url, reason: error.message };
  }
}

/** The report, or why there is none. */
async function detailsFrom(operator: URL | undefined): Promise<StatusReport | string> {
  if (operator === undefined) return "the metrics listener is off (prometheus.port)";
  try {
    const { status, text } = await askNode(new URL("/status", operator));
    const report = status === 200 ? parseStatusReport(text) : undefined;
    return report ?? `what listens at ${operator.origin} is no metrics listener of a node`;
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    return `the metrics listener did not answer: ${error.message}`;
  }
}

/** What `/info` says; undefined when it is no node's. */
function identityIn(
  text: string,
): { readonly version: string; readonly nodeId: string } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const [version, nodeId] = [Reflect.get(value, "version"), Reflect.get(value, "nodeId")];
    if (!isName(version) || !isName(nodeId)) return undefined;
    return { version, nodeId };
  } catch {
    return undefined;
  }
}

/** Short, and nothing that a terminal would act on. */
function isName(value: unknown): value is string {
  return typeof value === "string" && /^[\x21-\x7e]{1,256}$/.test(value);
}
