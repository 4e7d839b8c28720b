// Every module of the kit keeps the module contract.
import { audit } from "@cuitty/server-kit/audit";
import { logs } from "@cuitty/server-kit/logs";
import { performance } from "@cuitty/server-kit/performance";
import { repository } from "@cuitty/server-kit/repository";
import { moduleConformance } from "@cuitty/server-kit/testing";
import { test } from "vitest";

// The child runs from source, as the tests do.
const childArgs = ["--conditions=@cuitty/source", "--import", "tsx"];

const suites = [
  moduleConformance({
    module: audit,
    childArgs,
    source: { specifier: "@cuitty/server-kit/audit", exportName: "audit" },
    event: (index) => ({ type: "audit", data: { actor: "alice", action: "secret.rotate", resource: `key-${index}` } }),
    examples: {
      audit: [{ actor: "alice@example.com", action: "secret.rotate", resource: "stripe.live_key", statusCode: 200, metadata: {} }],
    },
  }),
  moduleConformance({
    module: logs,
    childArgs,
    source: { specifier: "@cuitty/server-kit/logs", exportName: "logs" },
    event: (index) => ({ type: "log", data: { level: "info", message: `line ${index}` } }),
    examples: { log: [{ level: "info", message: "request processed", module: "api", fields: { requestId: "abc" } }] },
  }),
  moduleConformance({
    module: performance,
    childArgs,
    source: { specifier: "@cuitty/server-kit/performance", exportName: "performance" },
    event: (index) => ({ type: "performance", data: { service: "api", metric: "p99_latency", value: index, unit: "ms" } }),
    examples: { performance: [{ service: "api", metric: "p99_latency", value: 142.3, unit: "ms" }] },
  }),
  moduleConformance({
    module: repository,
    childArgs,
    source: { specifier: "@cuitty/server-kit/repository", exportName: "repository" },
    event: (index) => ({ type: "repository", data: { provider: "github", repo: "acme/api", branch: "main", commit: `ab${index}` } }),
    examples: { repository: [{ provider: "github", repo: "acme/api", branch: "main", commit: "ab12cd34", author: "alice" }] },
  }),
];

for (const { name, run } of suites.flat()) test(name, run);
