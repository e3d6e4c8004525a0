// The name of everything that is logged, once. A name is fixed, so that it can be searched and
// counted; what differs from line to line goes in fields.

export type LogEvent =
  // The process
  | "node.started"
  | "node.stopping"
  | "node.stopped"
  | "config.warning"
  | "log.dropped"
  // The level was changed by a signal while the node runs; `note` says to which, and how to go back
  | "log.switched"
  // Requests: one `request` for each; `failed` adds the cause of a 500 or 503, `refused` (debug)
  // shows where a chain broke
  | "request"
  | "request.failed"
  | "request.refused"
  | "requests.limited"
  | "space.hosted"
  // Storage
  | "database.migrated"
  | "database.unavailable"
  | "database.recovered"
  | "blocks.unavailable"
  | "blocks.recovered"
  | "block.collected"
  | "block.damaged"
  | "collection.finished"
  | "collection.failed"
  | "scrub.finished"
  | "scrub.failed"
  | "retention.finished"
  // Metrics
  | "metrics.started"
  | "metrics.unavailable";
