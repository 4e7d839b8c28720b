// The job board as its user meets it: commands in processes of their own, one of them watching.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openJobBoard } from "../src/job-board.ts";

let folder: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cuitty-jobs-"));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));

function start(...args: string[]): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, ["--conditions=@cuitty/source", "--import", "tsx", main, ...args], {
    env: { ...process.env, DATA_DIR: folder },
  });
  children.push(child);
  let text = "";
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on("data", (chunk) => {
      text += chunk;
    });
  }
  return { child, output: () => text };
}

async function command(...args: string[]): Promise<{ code: number; output: string }> {
  const { child, output } = start(...args);
  const [code] = (await once(child, "close")) as [number];
  return { code, output: output().trim() };
}

test("jobs are added, wait for others, run and end; a watcher in another process hears all of it in order", {
  timeout: 60_000,
}, async () => {
  expect(await command("org", "acme", "ada@example.com")).toEqual({ code: 0, output: "" });
  const watcher = start("watch", "acme");
  await vi.waitFor(() => expect(watcher.output()).toContain("watching acme"), { timeout: 20_000 });
  await command("add", "acme", "build", "Build", "it");
  await command("add", "acme", "ship", "Ship it", "--after", "build");
  expect((await command("start", "acme", "ship")).output).toBe('"ship" is waiting for build');
  await command("start", "acme", "build");
  await command("done", "acme", "build");
  expect((await command("list", "acme")).output.split("\n")).toEqual([
    "done     build        Build it",
    "waiting  ship         Ship it (ready)",
  ]);
  expect((await command("start", "acme", "ship")).code).toBe(0);
  const heard = [
    "build: new -> waiting",
    "ship: new -> waiting",
    "build: waiting -> running",
    "build: running -> done",
    "ship: waiting -> running",
  ];
  await vi.waitFor(() => expect(watcher.output().trim().split("\n").slice(1)).toEqual(heard), { timeout: 5_000 });
  watcher.child.kill("SIGINT");
  expect(await once(watcher.child, "close")).toEqual([0, null]);
});

test("mistakes end in one clear line", { timeout: 60_000 }, async () => {
  expect((await command()).output).toContain("usage:");
  const unknown = await command("list", "nobody");
  expect([unknown.code, unknown.output]).toEqual([1, 'there is no organization "nobody"; make it with: org nobody <your e-mail>']);
  expect((await command("org", "../x", "ada@example.com")).output).toMatch(/^Expected an organization id/);
});

test("organizations do not see each other, a job that waits for an unknown one is refused as a whole", async () => {
  const jobs = openJobBoard(folder);
  jobs.register("acme", "ada@example.com");
  jobs.register("globex", "ada@example.com");
  await jobs.add("acme", { key: "a", title: "A" });
  await expect(jobs.add("acme", { key: "b", title: "B", after: ["missing"] })).rejects.toThrow(/FOREIGN KEY/);
  expect((await jobs.list("acme")).map((job) => job.key)).toEqual(["a"]);
  expect(await jobs.list("globex")).toEqual([]);
  expect(() => jobs.register("acme", "eve@example.com")).toThrow(/UNIQUE/);
  await jobs.close();
  expect(
    readdirSync(folder)
      .filter((name) => name.endsWith(".db"))
      .sort(),
  ).toEqual(["system.db", "tenant-acme.db", "tenant-globex.db"]);
});
