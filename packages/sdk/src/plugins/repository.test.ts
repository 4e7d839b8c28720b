// The repository plugin against repositories that real git made: loose, packed, shallow, merged, moved.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Value } from "@sinclair/typebox/value";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { repositorySchema } from "../../../wire-protocol/src/events/repository.ts";
import type { PluginContext } from "../plugin.ts";
import { createPluginHarness, testPlugin } from "./plugin-suite.ts";
import { type RepositoryPluginOptions, type RepositoryState, repositoryPlugin } from "./repository.ts";

const root = mkdtempSync(join(tmpdir(), "cuitty-repository-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let clock = Date.UTC(2026, 3, 27, 12, 0, 0) / 1_000;
const identity = {
  GIT_AUTHOR_NAME: "alice",
  GIT_AUTHOR_EMAIL: "alice@example.com",
  GIT_COMMITTER_NAME: "bob",
  GIT_COMMITTER_EMAIL: "bob@example.com",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
};

function git(folder: string, ...args: string[]): string {
  clock += 60;
  const dates = { GIT_AUTHOR_DATE: `${clock} +0200`, GIT_COMMITTER_DATE: `${clock} +0200` };
  return execFileSync("git", ["-c", "protocol.file.allow=always", ...args], {
    cwd: folder,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, ...identity, ...dates },
  }).trim();
}

function makeRepository(name: string, ...initArgs: string[]): string {
  const folder = join(root, name);
  mkdirSync(folder);
  git(folder, "init", "-q", "-b", "main", ...initArgs);
  return folder;
}

function commit(folder: string, message: string): string {
  git(folder, "commit", "-q", "--allow-empty", "-m", message);
  return git(folder, "rev-parse", "HEAD");
}

async function read(path: string, options: Partial<RepositoryPluginOptions> = {}) {
  const harness = createPluginHarness();
  const plugin = repositoryPlugin({ path, ...options });
  plugin.setup?.(harness.context);
  const report = await plugin.done();
  plugin.teardown?.();
  return { ...harness, report, commits: harness.events.filter((event) => event.data.kind === "commit").map((event) => event.data.commit) };
}

const log = (folder: string, ...args: string[]) => git(folder, "log", "--format=%H", "--date-order", "--reverse", ...args).split("\n");

const example = makeRepository("api");
git(example, "remote", "add", "origin", "https://alice:s3cret@github.com/acme/api.git");
const firstId = commit(example, "Fix the gate");

testPlugin({
  file: "repository",
  create: () => repositoryPlugin({ path: example }),
  trigger: async (plugin) => void (await (plugin as ReturnType<typeof repositoryPlugin>).done()),
  expected: {
    type: "repository",
    data: {
      provider: "github",
      repo: "acme/api",
      kind: "commit",
      branch: "main",
      commit: firstId,
      author: "alice",
      authorEmail: "alice@example.com",
      message: "Fix the gate",
      parents: [],
      committedAt: expect.stringMatching(/^2026-04-27T14:\d\d:00\+02:00$/),
      url: `https://github.com/acme/api/commit/${firstId}`,
    },
  },
});

test("events are valid on the wire, dated by the commit, and hold no credential", async () => {
  const { events } = await read(example);
  expect(Value.Check(repositorySchema, events[0]?.data)).toBe(true);
  expect(events[0]?.ts).toMatch(/^2026-04-27T12:\d\d:00\.000Z$/);
  expect(JSON.stringify(events)).not.toContain("s3cret");
});

describe("a history with merges", () => {
  const folder = makeRepository("history");
  for (let i = 0; i < 40; i += 1) {
    commit(folder, `main ${i}`);
    if (i % 10 === 5) {
      git(folder, "checkout", "-q", "-b", `side-${i}`, "HEAD~3");
      for (let j = 0; j < 3; j += 1) commit(folder, `side ${i}.${j} ${"long text so that deltas pay off ".repeat(20)}`);
      git(folder, "checkout", "-q", "main");
      git(folder, "merge", "-q", "--no-ff", "-m", `merge ${i}`, `side-${i}`);
    }
  }
  const expected = log(folder);

  test("is read whole and oldest first from loose objects", async () => {
    expect((await read(folder)).commits).toEqual(expected);
  });

  test("is read the same from packs, with deltas, and with packed refs", async () => {
    git(folder, "tag", "-a", "v1", "-m", "one");
    git(folder, "gc", "-q", "--aggressive", "--prune=now");
    expect(readdirSync(join(folder, ".git", "objects")).sort()).toEqual(["info", "pack"]);
    expect((await read(folder)).commits).toEqual(expected);
    const chains = git(
      folder,
      "verify-pack",
      "-v",
      join(".git/objects/pack", readdirSync(join(folder, ".git/objects/pack")).find((name) => name.endsWith(".idx"))!),
    );
    expect(chains).toMatch(/chain length = \d/);
  });

  test("gives the newest ones when there are too many", async () => {
    expect((await read(folder, { maxCommits: 7 })).commits).toEqual(expected.slice(-7));
  });

  test("is continued where the cursor stands, merged side branches included", async () => {
    const tip = git(folder, "rev-parse", "HEAD~12");
    const state = { tips: [tip], refs: {} };
    const saved: RepositoryState[] = [];
    const { commits } = await read(folder, { cursor: { load: () => state, save: (next) => saved.push(next) } });
    expect(commits).toEqual(log(folder, "HEAD", `^${tip}`));
    expect(saved).toEqual([{ tips: [git(folder, "rev-parse", "HEAD")], refs: {} }]);
    expect((await read(folder, { cursor: { load: async () => saved[0], save() {} } })).commits).toEqual([]);
  });

  test("is sent again from the start when the known commit is gone (a rewritten history)", async () => {
    const cursor = { load: () => ({ tips: ["0".repeat(40)], refs: {} }), save() {} };
    expect((await read(folder, { cursor })).commits).toEqual(expected);
  });

  test("is read from a shallow clone, a work tree, a shared clone, a bare repository and a folder inside", async () => {
    git(root, "clone", "-q", "--depth", "5", `file://${folder}`, "shallow");
    expect((await read(join(root, "shallow"))).commits).toEqual(log(join(root, "shallow")));
    git(folder, "worktree", "add", "-q", join(root, "tree"), "HEAD~2");
    const tree = await read(join(root, "tree"));
    expect(tree.commits).toEqual(log(join(root, "tree")));
    expect(tree.events[0]?.data.branch).toBeUndefined();
    git(root, "clone", "-q", "--shared", folder, "shared");
    commit(join(root, "shared"), "on top");
    expect((await read(join(root, "shared"))).commits).toEqual(log(join(root, "shared")));
    git(root, "clone", "-q", "--bare", folder, "bare.git");
    expect((await read(join(root, "bare.git"))).commits).toEqual(expected);
    mkdirSync(join(folder, "deep", "inside"), { recursive: true });
    expect((await read(join(folder, "deep", "inside"))).commits).toEqual(expected);
  });
});

test("ids of SHA-256 repositories are read, loose and packed", async () => {
  const folder = makeRepository("sha256", "--object-format=sha256");
  for (let i = 0; i < 5; i += 1) commit(folder, `c${i}`);
  expect((await read(folder)).commits).toEqual(log(folder));
  git(folder, "gc", "-q", "--prune=now");
  expect((await read(folder)).commits).toEqual(log(folder));
});

test("messages keep every character, in whatever encoding they were written, up to a bound", async () => {
  const folder = makeRepository("messages");
  commit(folder, "Grüße\n\nzweite Zeile 日本 😀");
  writeFileSync(join(folder, "latin1"), Buffer.from("caf\xe9", "latin1"));
  git(folder, "-c", "i18n.commitEncoding=ISO-8859-1", "commit", "-q", "--allow-empty", "-F", "latin1");
  commit(folder, "x".repeat(20_000));
  const { events } = await read(folder);
  expect(events.map((event) => String(event.data.message).slice(0, 40))).toEqual(["Grüße\n\nzweite Zeile 日本 😀", "café", "x".repeat(40)]);
  expect(String(events[2]?.data.message).length).toBeLessThan(8_200);
});

test("branches and tags are sent when asked for, then only what moved, came or went", async () => {
  const folder = makeRepository("refs");
  const id = commit(folder, "one");
  git(folder, "branch", "feature/a");
  git(folder, "tag", "v1");
  const box: { state?: RepositoryState } = {};
  const cursor = { load: () => box.state, save: (next: RepositoryState) => void Object.assign(box, { state: structuredClone(next) }) };
  const refsOf = async () =>
    (await read(folder, { kinds: ["branch", "tag"], cursor })).events.map(({ data }) => [
      data.action,
      data.kind,
      data.branch ?? data.tag,
      data.commit,
    ]);
  expect(await refsOf()).toEqual([
    ["created", "branch", "feature/a", id],
    ["created", "branch", "main", id],
    ["created", "tag", "v1", id],
  ]);
  expect(await refsOf()).toEqual([]);
  const next = commit(folder, "two");
  git(folder, "branch", "-q", "-D", "feature/a");
  git(folder, "pack-refs", "--all");
  expect(await refsOf()).toEqual([
    ["updated", "branch", "main", next],
    ["deleted", "branch", "feature/a", id],
  ]);
});

test("no repository, an empty one and a damaged one are reported, not thrown", async () => {
  const none = join(root, "none");
  mkdirSync(none);
  const outside = spawnSync("git", ["rev-parse"], { cwd: none });
  if (outside.status !== 0)
    expect((await read(none)).report).toMatchObject({ commits: 0, problem: expect.stringMatching(/^no git repository here/) });
  expect((await read(makeRepository("empty"))).report).toEqual({ commits: 0, refs: 0 });
  const damaged = makeRepository("damaged");
  const id = commit(damaged, "one");
  const path = join(damaged, ".git/objects", id.slice(0, 2), id.slice(2));
  rmSync(path);
  writeFileSync(path, "not zlib");
  const told: string[] = [];
  const { report, debugLines } = await read(damaged, { onSkip: (reason) => told.push(reason) });
  expect(report.problem).toMatch(/cannot be read/);
  expect(told).toEqual([report.problem]);
  expect(debugLines).toHaveLength(1);
});

describe("what has been sent", () => {
  let statePath = "";
  let count = 0;
  beforeEach(() => {
    // A file of its own for each test: the last save of one may still be under way in the next.
    count += 1;
    statePath = join(root, `sent-${count}.json`);
  });
  const flushing = (...results: { sent: number; pending: number; dropped: number }[]) => {
    const harness = createPluginHarness();
    let calls = 0;
    const flush = async () => results[Math.min(calls++, results.length - 1)]!;
    return { harness, context: { ...harness.context, flush } };
  };
  const start = async (context: PluginContext) => {
    const plugin = repositoryPlugin({ path: example, statePath });
    plugin.setup?.(context);
    await plugin.remembered();
    return plugin;
  };

  test("is remembered in a private file, and not sent again", async () => {
    const first = flushing({ sent: 1, pending: 0, dropped: 0 });
    (await start(first.context)).teardown?.();
    expect(first.harness.events).toHaveLength(1);
    expect(JSON.parse(readFileSync(statePath, "utf8"))).toEqual({ tips: [firstId], refs: {} });
    expect(statSync(statePath).mode & 0o777).toBe(0o600);
    const second = flushing({ sent: 0, pending: 0, dropped: 0 });
    (await start(second.context)).teardown?.();
    expect(second.harness.events).toHaveLength(0);
    expect(readdirSync(root).filter((name) => name.startsWith("sent-1.json."))).toEqual([]);
  });

  test("is remembered only when the server took it, even if that is much later", async () => {
    const { harness, context } = flushing({ sent: 0, pending: 9, dropped: 0 }, { sent: 9, pending: 0, dropped: 0 });
    const plugin = await start(context);
    expect(existsSync(statePath)).toBe(false);
    harness.tell("sent", {});
    await expect.poll(() => existsSync(statePath), { timeout: 10_000 }).toBe(true);
    plugin.teardown?.();
    expect(harness.listenerCount()).toBe(0);
  });

  test("is not remembered when our events were lost, but losses of others do not matter", async () => {
    const lost = flushing({ sent: 0, pending: 0, dropped: 1 });
    const losing = {
      ...lost.context,
      flush: async () => {
        lost.harness.tell("drop", { type: "repository", reason: "http_4xx", count: 1 });
        return { sent: 0, pending: 0, dropped: 1 };
      },
    };
    (await start(losing)).teardown?.();
    expect(existsSync(statePath)).toBe(false);
    const other = flushing({ sent: 1, pending: 0, dropped: 7 });
    (await start(other.context)).teardown?.();
    expect(existsSync(statePath)).toBe(true);
  });

  test("is forgotten when the file is damaged", async () => {
    writeFileSync(statePath, '{"tips": "no');
    const { harness, context } = flushing({ sent: 1, pending: 0, dropped: 0 });
    (await start(context)).teardown?.();
    expect(harness.events).toHaveLength(1);
  });
});

test("a cursor that fails is reported, not thrown", async () => {
  const fail = () => {
    throw new Error("no disk");
  };
  expect((await read(example, { cursor: { load: fail, save: fail } })).report.problem).toMatch(/no disk/);
});

test("teardown stops a long hand-over", async () => {
  const harness = createPluginHarness();
  const plugin = repositoryPlugin({ path: example });
  plugin.setup?.(harness.context);
  plugin.teardown?.();
  expect(await plugin.done()).toEqual({ commits: 0, refs: 0 });
  expect(harness.events).toEqual([]);
});
