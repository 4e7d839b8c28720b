// The configs plugin on real files: written, replaced, linked, created, deleted, and never a secret.
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Value } from "@sinclair/typebox/value";
import { afterEach, beforeEach, expect, test } from "vitest";
import { configSchema } from "../../../wire-protocol/src/events/config.ts";
import { type ConfigsPluginOptions, configsPlugin } from "./configs.ts";
import { createPluginHarness, testPlugin } from "./plugin-suite.ts";

let root = "";
const open: ReturnType<typeof configsPlugin>[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "cuitty-configs-"));
  mkdirSync(join(root, "config"));
  writeFileSync(join(root, "config/production.toml"), "foo=1\n");
});
afterEach(() => {
  for (const plugin of open.splice(0)) plugin.teardown?.();
  rmSync(root, { recursive: true, force: true });
});

const file = (name = "config/production.toml") => join(root, name);
const until = async (isDone: () => boolean) => {
  for (let i = 0; i < 400 && !isDone(); i += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(isDone()).toBe(true);
};

testPlugin({
  file: "configs",
  create: () => configsPlugin({ paths: ["config/production.toml"], root, settleMs: 10 }),
  async trigger(plugin) {
    const configs = plugin as ReturnType<typeof configsPlugin>;
    await configs.check();
    writeFileSync(file(), `foo=${Math.random()}\n`);
    writeFileSync(file(), "foo=1\n");
    await configs.check();
    writeFileSync(file(), "foo=2\n");
    await configs.check();
    writeFileSync(file(), "foo=1\n");
  },
  expected: {
    type: "config",
    data: {
      path: "config/production.toml",
      action: "updated",
      format: "toml",
      bytes: 6,
      diff: "--- a/config/production.toml\n+++ b/config/production.toml\n@@ -1 +1 @@\n-foo=1\n+foo=2\n",
      contentHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      prevHash: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
  },
});

async function watch(options: Partial<ConfigsPluginOptions> = {}) {
  const harness = createPluginHarness();
  const plugin = configsPlugin({ paths: ["config/production.toml"], root, settleMs: 30, pollMs: Number.POSITIVE_INFINITY, ...options });
  open.push(plugin);
  plugin.setup?.(harness.context);
  await plugin.check();
  return { ...harness, plugin, last: () => harness.events.at(-1)?.data ?? {} };
}

test("a write is seen without polling, and the event is valid on the wire", async () => {
  const { events, last } = await watch();
  writeFileSync(file(), "foo=2\n");
  await until(() => events.length === 1);
  expect(last().diff).toContain("+foo=2");
  expect(Value.Check(configSchema, last())).toBe(true);
});

test("a file that is replaced (new inode) is seen, again and again", async () => {
  const { events, last } = await watch();
  for (let i = 2; i < 5; i += 1) {
    writeFileSync(file("config/next"), `foo=${i}\n`);
    renameSync(file("config/next"), file());
    await until(() => events.length === i - 1);
    expect(last().diff).toContain(`-foo=${i - 1}\n+foo=${i}`);
  }
});

test("a linked folder that is swapped is seen, as Kubernetes does it", async () => {
  for (const version of ["v1", "v2"]) {
    mkdirSync(join(root, version));
    writeFileSync(join(root, version, "app.yaml"), `version: ${version}\n`);
  }
  symlinkSync("v1", join(root, "data"));
  symlinkSync("data/app.yaml", join(root, "app.yaml"));
  const { events, last } = await watch({ paths: ["app.yaml"] });
  symlinkSync("v2", join(root, "data-next"));
  renameSync(join(root, "data-next"), join(root, "data"));
  await until(() => events.length === 1);
  expect(last()).toMatchObject({ path: "app.yaml", format: "yaml", diff: expect.stringContaining("+version: v2") });
});

test("many writes in a row are one event; writing the same again is none", async () => {
  const { events, plugin } = await watch({ settleMs: 500 });
  for (let i = 0; i < 20; i += 1) {
    writeFileSync(file(), `foo=${i}\n`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await until(() => events.length > 0);
  expect(events).toHaveLength(1);
  writeFileSync(file(), "foo=19\n");
  await plugin.check();
  expect(events).toHaveLength(1);
});

test("a file may come, go and come back", async () => {
  const { events, plugin } = await watch({ paths: ["later/a.env"] });
  mkdirSync(join(root, "later"));
  writeFileSync(file("later/a.env"), "A=1\n");
  await plugin.check();
  rmSync(join(root, "later"), { recursive: true });
  await plugin.check();
  mkdirSync(join(root, "later"));
  writeFileSync(file("later/a.env"), "A=2\n");
  await plugin.check();
  expect(events.map(({ data }) => [data.action, data.diff])).toEqual([
    ["created", "--- /dev/null\n+++ b/later/a.env\n@@ -0,0 +1 @@\n+A=1\n"],
    ["deleted", "--- a/later/a.env\n+++ /dev/null\n@@ -1 +0,0 @@\n-A=1\n"],
    ["created", "--- /dev/null\n+++ b/later/a.env\n@@ -0,0 +1 @@\n+A=2\n"],
  ]);
  for (const { data } of events) expect(Value.Check(configSchema, data)).toBe(true);
  writeFileSync(file("later/a.env"), "A=3\n");
  await until(() => events.length === 4);
});

test("a folder stands for the files in and below it, also those that come later", async () => {
  mkdirSync(join(root, "config/node_modules"));
  writeFileSync(file("config/node_modules/x.json"), "{}");
  const { events, plugin } = await watch({ paths: ["config"] });
  mkdirSync(join(root, "config/sites"));
  await plugin.check();
  writeFileSync(file("config/sites/a.conf"), "port 1\n");
  await until(() => events.length === 1);
  writeFileSync(file(), "foo=2\n");
  await until(() => events.length === 2);
  rmSync(file("config/sites/a.conf"));
  await until(() => events.length === 3);
  expect(events.map(({ data }) => [data.path, data.action])).toEqual([
    ["config/sites/a.conf", "created"],
    ["config/production.toml", "updated"],
    ["config/sites/a.conf", "deleted"],
  ]);
});

test("where nothing is reported, polling finds the change", async () => {
  const { events } = await watch({ paths: ["none/yet.env"], pollMs: 50 });
  mkdirSync(join(root, "none"));
  writeFileSync(file("none/yet.env"), "A=1\n");
  await until(() => events.length === 1);
});

test("secrets are masked before they are compared; a changed one is named, not shown", async () => {
  writeFileSync(file(), "user = app\npassword = first-S3CRET\n");
  const { events, plugin, last } = await watch({ includeContent: true, redactKeys: ["user"] });
  writeFileSync(file(), "user = app2\npassword = second-S3CRET\n");
  await plugin.check();
  expect(last()).toMatchObject({ diff: "", changedSecrets: ["user", "password"], content: "user = [redacted]\npassword = [redacted]\n" });
  expect(last().contentHash).toBe(last().prevHash);
  writeFileSync(file(), "user = app2\npassword = second-S3CRET\nport = 1\n");
  await plugin.check();
  expect(last().diff).toBe(
    "--- a/config/production.toml\n+++ b/config/production.toml\n@@ -1,2 +1,3 @@\n user = [redacted]\n password = [redacted]\n+port = 1\n",
  );
  expect(last().changedSecrets).toBeUndefined();
  expect(JSON.stringify(events)).not.toContain("S3CRET");
});

test("binary, long and large changes are recorded by their hashes", async () => {
  const { plugin, events, last } = await watch({ maxDiffBytes: 200, maxFileBytes: 2_000 });
  writeFileSync(file(), Buffer.from([0, 1, 2, 255]));
  await plugin.check();
  expect(last()).toMatchObject({ diff: "Binary files a/config/production.toml and b/config/production.toml differ\n", bytes: 4 });
  writeFileSync(file(), "a=1\n".repeat(100));
  await plugin.check();
  writeFileSync(file(), "b=1\n".repeat(100));
  await plugin.check();
  expect(last()).toMatchObject({ diffOmitted: "too_long", contentHash: expect.any(String) });
  expect(last().diff).toBeUndefined();
  writeFileSync(file(), "c=1\n".repeat(1_000));
  await plugin.check();
  expect(last()).toMatchObject({ bytes: 4_000, contentHash: expect.any(String) });
  for (const { data } of events) expect(Value.Check(configSchema, data)).toBe(true);
});

test("the actor is the app's to name", async () => {
  const { plugin, last } = await watch({ actor: (path) => `owner of ${path}` });
  writeFileSync(file(), "foo=2\n");
  await plugin.check();
  expect(last().actor).toBe("owner of config/production.toml");
});

test("nothing is read any more after teardown", async () => {
  const { plugin, events } = await watch();
  plugin.teardown?.();
  writeFileSync(file(), "foo=2\n");
  await plugin.check();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(events).toEqual([]);
});

test("without paths there is one clear error", () => {
  for (const paths of [[], [""], undefined]) {
    expect(() => configsPlugin({ paths: paths as string[] })).toThrow(expect.objectContaining({ code: "invalid_option" }));
  }
  expect(() => configsPlugin(undefined as unknown as ConfigsPluginOptions)).toThrow(expect.objectContaining({ code: "invalid_option" }));
});
