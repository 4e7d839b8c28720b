// The snippets of docs/plugins.md, each run as it stands in a process of its own against a real server.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createFaultServer, type FaultServer } from "../src/testing.ts";

const root = resolve(import.meta.dirname, "../../..");
const page = readFileSync(join(root, "docs/plugins.md"), "utf8");
const snippets = new Map([...page.matchAll(/```ts\n\/\/ (\S+)\n([\s\S]*?)```/g)].map((match) => [match[1] as string, match[2] as string]));
const github = JSON.parse(readFileSync(join(root, "packages/sdk/src/plugins/ci/fixtures/github-actions.json"), "utf8")) as {
  env: Record<string, string>;
};

const audit = { type: "audit", data: { action: "GET /notes/:id", resource: "/notes/7", statusCode: 200 } };
const expected: Record<string, readonly { readonly type: string; readonly data: object }[]> = {
  "audit.ts": [{ ...audit, data: { ...audit.data, actor: "alice@example.com" } }],
  "audit-express.ts": [audit],
  "logs.ts": [
    {
      type: "log",
      data: { level: "info", message: "request processed", module: "api", fields: { requestId: "abc", password: "[Redacted]" } },
    },
  ],
  "logs-stream.ts": [{ type: "log", data: { level: "warn", message: "disk at 91 %" } }],
  "logs-console.ts": [{ type: "log", data: { level: "warn", message: "disk at 91 %", module: "console" } }],
  "logs-transport.ts": [{ type: "log", data: { level: "info", message: "from a worker" } }],
  "performance.ts": [
    { type: "performance", data: { service: "api", environment: "production", metrics: { "process.memory.rss": expect.any(Number) } } },
  ],
  "errors.ts": [
    {
      type: "error",
      data: { name: "TypeError", message: "no user", cause: { message: "no session" }, handled: true, tags: { area: "login" } },
    },
  ],
  "deploys.ts": [
    { type: "deploy", data: { status: "running", service: "api", version: "v1.4.2", provider: "github-actions" } },
    { type: "deploy", data: { status: "succeeded", service: "api" } },
  ],
  "repository.ts": [
    { type: "repository", data: { kind: "commit", message: "one", branch: "main" } },
    { type: "repository", data: { kind: "branch", branch: "main", action: "created" } },
    { type: "repository", data: { kind: "tag", tag: "v1" } },
  ],
  "configs.ts": [
    {
      type: "config",
      data: {
        path: "app.env",
        actor: "deploy",
        diff: expect.stringContaining("-PORT=80\n+PORT=8080\n DB_PASSWORD=[redacted]"),
        changedSecrets: ["DB_PASSWORD"],
      },
    },
  ],
  "costs.ts": [{ type: "cost", data: { provider: "openai", service: "gpt", amount: 0.0063, usage: 2_436, tags: { team: "search" } } }],
  "before.ts": [
    {
      type: "log",
      data: { service: "api", message: "GET https://[redacted]@host/", fields: { apiKey: "[redacted]", iban: "[redacted]" } },
    },
  ],
  "own.ts": [{ type: "performance", data: { metric: "heartbeat", value: 1 } }],
};

let folder: string;
let server: FaultServer;
const children: ChildProcess[] = [];

beforeAll(async () => {
  // Inside the workspace, so that the packages resolve; the folder is ignored by git.
  mkdirSync(join(root, ".tmp"), { recursive: true });
  folder = mkdtempSync(join(root, ".tmp/plugins-"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  for (const [name, text] of snippets) writeFileSync(join(folder, name), text);
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@example.com", ...args], { cwd: folder, stdio: "ignore" });
  git("init", "-q", "-b", "main");
  git("commit", "-q", "--allow-empty", "-m", "one");
  git("tag", "v1");
  // A worker does not inherit the loader of this process, so the transport is given as users have it: as JavaScript.
  await build({
    entryPoints: [join(root, "packages/sdk/src/plugins/logs-transport.ts")],
    outfile: join(folder, "built-transport.mjs"),
    bundle: true,
    platform: "node",
    format: "esm",
    conditions: ["@cuitty/source"],
  });
  const transport = join(folder, "logs-transport.ts");
  writeFileSync(
    transport,
    readFileSync(transport, "utf8").replace("@cuitty/sdk/plugins/logs-transport", join(folder, "built-transport.mjs")),
  );
  server = await createFaultServer();
});

afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

test("every snippet is one that is run, and every plugin has one", () => {
  expect([...snippets.keys()].sort()).toEqual(["client.ts", ...Object.keys(expected)].sort());
  const manifest = JSON.parse(readFileSync(join(root, "packages/sdk/package.json"), "utf8")) as { exports: Record<string, unknown> };
  const subpaths = Object.keys(manifest.exports).filter((name) => /^\.\/(plugins\/|express$|hono$)/.test(name));
  for (const subpath of subpaths) expect(page).toContain(`@cuitty/sdk${subpath.slice(1)}`);
});

test.each(Object.keys(expected))("%s sends what the page says", async (name) => {
  const before = server.stored.length;
  const child = spawn(process.execPath, ["--conditions=@cuitty/source", "--import", "tsx", name], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      CUITTY_URL: server.url,
      CUITTY_PROJECT_ID: "proj_01",
      CUITTY_API_KEY: "cuitty_sk_test",
      ...(name === "deploys.ts" ? github.env : {}),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => (output += chunk));
  child.stderr?.on("data", (chunk: Buffer) => (output += chunk));
  const [code] = (await once(child, "close")) as [number | null];
  expect(code, output).toBe(0);
  const events = server.stored.slice(before).map(({ type, data }) => ({ type, data }));
  expect(events).toMatchObject(expected[name] as object[]);
  expect(JSON.stringify(events)).not.toMatch(/never-sent|first|second|app:pw/);
});
