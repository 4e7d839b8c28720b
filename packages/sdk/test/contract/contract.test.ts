// The contract cases on this Node, and on the other runtimes that are promised: Node 22, Node 24 and Bun, as npm delivers them.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cases } from "./cases.ts";
import { findRuntime, type RuntimeName } from "./runtimes.ts";
import { type ContractServer, startContractServer } from "./server.ts";

let server: ContractServer;
beforeAll(async () => {
  server = await startContractServer();
});
afterAll(() => server.close());

describe("on this Node", () => {
  const seen = async (project: string) => (await fetch(`${server.url}/seen/${encodeURIComponent(project)}`)).json();
  test.each(Object.entries(cases))("%s", (_name, run) => run({ url: server.url, seen }));
});

const run = fileURLToPath(new URL("run.ts", import.meta.url));

describe.each<RuntimeName>(["node-22", "node-24", "bun"])("on %s", (name) => {
  test("all cases hold", { timeout: 300_000 }, async (context) => {
    const runtime = await findRuntime(name);
    if ("reason" in runtime) {
      if (process.env.CUITTY_REQUIRE) throw new Error(runtime.reason);
      context.skip(runtime.reason);
      return;
    }
    // A server of its own: the names of the projects are the same on each.
    const own = await startContractServer();
    const { stdout } = await promisify(execFile)(runtime.path, ["--conditions=@cuitty/source", run, own.url]);
    own.close();
    expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toEqual({ cases: Object.keys(cases).length, failures: [] });
  });
});
