// The deploys plugin: every provider of the table against a fixture of its variables, and the life of one deployment.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Value } from "@sinclair/typebox/value";
import { describe, expect, onTestFinished, test } from "vitest";
import { deploySchema } from "../../../wire-protocol/src/events/deploy.ts";
import { detectRun } from "./ci/detect.ts";
import { PROVIDERS } from "./ci/providers.ts";
import { type DeploysPluginOptions, deploysPlugin } from "./deploys.ts";
import { createPluginHarness, testPlugin } from "./plugin-suite.ts";

interface Fixture {
  readonly env: Record<string, string>;
  readonly expected: Record<string, unknown>;
}

const folder = fileURLToPath(new URL("./ci/fixtures", import.meta.url));
const fixtureOf = (id: string) => JSON.parse(readFileSync(join(folder, `${id}.json`), "utf8")) as Fixture;
const github = fixtureOf("github-actions");

testPlugin({
  file: "deploys",
  create: () => deploysPlugin({ env: github.env }),
  trigger: (plugin) => (plugin as ReturnType<typeof deploysPlugin>).finish("succeeded"),
  expected: { type: "deploy", data: { service: "api", version: "v1.4.2", environment: "production", provider: "github-actions" } },
});

async function deployed(options: DeploysPluginOptions, use: (plugin: ReturnType<typeof deploysPlugin>) => void = () => {}) {
  let nowMs = Date.UTC(2026, 3, 27, 13);
  const harness = createPluginHarness({ now: () => nowMs });
  const plugin = deploysPlugin(options);
  plugin.setup?.(harness.context);
  for (let i = 0; i < 50 && harness.events.length === 0; i += 1) await new Promise((resolve) => setTimeout(resolve, 2));
  nowMs += 87_000;
  use(plugin);
  plugin.teardown?.();
  return harness.events;
}

test("there is a fixture for every provider, and no other", () => {
  expect(readdirSync(folder).sort()).toEqual(PROVIDERS.map(({ id }) => `${id}.json`).sort());
  expect(PROVIDERS.length).toBeGreaterThanOrEqual(12);
});

describe.each(PROVIDERS.map(({ id }) => id))("%s", (id) => {
  const { env, expected } = fixtureOf(id);

  test("is detected, alone", () => {
    expect(detectRun(env)?.provider).toBe(id);
  });

  test("gives a valid event, without any secret of the environment", async () => {
    const events = await deployed({ env });
    expect(events[0]?.data).toMatchObject(expected);
    for (const { data } of events) expect(Value.Check(deploySchema, data)).toBe(true);
    expect(JSON.stringify(events)).not.toContain("SECRET");
  });
});

test("a pipeline runs, then ends; the end carries the duration and the same id", async () => {
  const events = await deployed({ env: github.env });
  expect(events.map(({ data }) => [data.status, data.duration, data.externalId])).toEqual([
    ["running", undefined, "github-actions:acme/api:99:1:production"],
    ["succeeded", 87, "github-actions:acme/api:99:1:production"],
  ]);
  expect(events[1]?.data).toMatchObject({ startedAt: "2026-04-27T13:00:00.000Z", finishedAt: "2026-04-27T13:01:27.000Z" });
});

test("finish says how it ended and why, once", async () => {
  const events = await deployed({ env: github.env }, (plugin) => {
    plugin.finish("failed", "health check");
    plugin.finish("succeeded");
  });
  expect(events.map(({ data }) => [data.status, data.reason])).toEqual([
    ["running", undefined],
    ["failed", "health check"],
  ]);
});

test("a process that ends with an exit code has failed", async () => {
  const before = process.exitCode;
  const events = await deployed({ env: github.env }, () => {
    process.exitCode = 3;
  });
  process.exitCode = before;
  expect(events[1]?.data.status).toBe("failed");
});

test.each([
  [{ GITHUB_JOB: "test", GITHUB_WORKFLOW: "Main" }, 0],
  [{ GITHUB_JOB: "test", GITHUB_WORKFLOW: "Deploy" }, 0],
  [{ GITHUB_JOB: "eu-west", GITHUB_WORKFLOW: "Deploy" }, 2],
  [{ GITHUB_JOB: "build-and-deploy", GITHUB_WORKFLOW: "Main" }, 2],
  [{ GITHUB_JOB: "go", GITHUB_WORKFLOW: "Main", GITHUB_EVENT_NAME: "deployment" }, 2],
])("step %j sends %i events", async (step, count) => {
  expect(await deployed({ env: { ...github.env, ...step } })).toHaveLength(count);
});

test("outside of any known place nothing is sent, unless asked for; then git says the commit", async () => {
  expect(await deployed({ env: {} })).toEqual([]);
  const [event] = await deployed({ env: {}, when: "always", service: "api", environment: "local" });
  expect(event?.data).toMatchObject({ service: "api", environment: "local", status: "running" });
  expect(event?.data.provider).toBeUndefined();
  expect(Value.Check(deploySchema, event?.data)).toBe(true);
});

test("a commit that is no commit is not sent", async () => {
  const { env } = fixtureOf("buildkite");
  const [event] = await deployed({ env: { ...env, BUILDKITE_COMMIT: "HEAD" } });
  expect(event?.data.commit).not.toBe("HEAD");
  expect(detectRun({ ...env, BUILDKITE_PULL_REQUEST: "17" })?.pullRequest).toBe("17");
  expect(detectRun(env)?.pullRequest).toBeUndefined();
});

test("GitHub's event file names the true head of a pull request and the environment of a deployment", async () => {
  const temp = mkdtempSync(join(tmpdir(), "cuitty-deploys-"));
  onTestFinished(() => rmSync(temp, { recursive: true, force: true }));
  const path = join(temp, "event.json");
  const env = { ...github.env, GITHUB_EVENT_PATH: path, GITHUB_REF: "refs/pull/7/merge", GITHUB_HEAD_REF: "feature/a" };
  writeFileSync(
    path,
    JSON.stringify({ pull_request: { head: { sha: "f".repeat(40) } }, deployment: { environment: "staging" }, secret: "SECRET" }),
  );
  const [event] = await deployed({ env });
  expect(event?.data).toMatchObject({ commit: "f".repeat(40), branch: "feature/a", environment: "staging" });
  expect(JSON.stringify(event)).not.toContain("SECRET");
  writeFileSync(path, "no json");
  expect((await deployed({ env }))[0]?.data).toMatchObject({ commit: github.env.GITHUB_SHA });
});

test("options win over what was detected", async () => {
  const [event] = await deployed({ env: github.env, service: "web", version: "7", environment: "eu", tags: { team: "core" } });
  expect(event?.data).toMatchObject({ service: "web", version: "7", environment: "eu", tags: { team: "core", job: "deploy" } });
});
