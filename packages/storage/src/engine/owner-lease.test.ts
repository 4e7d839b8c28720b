// The owner lease between real processes: one owner, named in the refusal; a dead one's claim ends with it, a stopped one's does not.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { acquireOwnerLease } from "./owner-lease.ts";

const leaseModule = pathToFileURL(join(import.meta.dirname, "owner-lease.ts")).href;
const script = `import { acquireOwnerLease } from ${JSON.stringify(leaseModule)};
  try { const lease = await acquireOwnerLease(process.argv[1]); process.stdout.write("owner"); process.stdin.on("data", () => { lease.release(); process.exit(); }); }
  catch (error) { process.stdout.write(error.code + " " + error.message); }`;

let folder: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cuitty-lease-"));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

function contender(dir = folder) {
  const args = ["--conditions=@cuitty/source", "--import", "tsx", "--input-type=module", "-e", script, dir];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"], cwd: import.meta.dirname });
  children.push(child);
  const said = new Promise<string>((done) => child.stdout.once("data", (data) => done(String(data))));
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  return { child, said, ended };
}

test("a second process is refused with the first one's pid, host and start", async () => {
  const first = contender();
  expect(await first.said).toBe("owner");
  const refusal = acquireOwnerLease(folder);
  await expect(refusal).rejects.toMatchObject({ code: "data_dir_in_use", retryable: true, details: { pid: first.child.pid } });
  await expect(refusal).rejects.toThrow(/process \d+ on .+, started \d{4}-/);
  first.child.stdin.write("x");
  await first.ended;
  const lease = await acquireOwnerLease(folder);
  expect(lease.owner.pid).toBe(process.pid);
  expect(statSync(join(folder, ".cuitty-owner.db")).mode & 0o777).toBe(0o600);
  const second = contender();
  expect(await second.said).toContain(`data_dir_in_use ${lease.dir} is in use by process ${process.pid}`);
  await expect(acquireOwnerLease(folder)).rejects.toThrow(/this process/);
  lease.release();
  lease.release();
});

test("a killed owner's folder is taken over at once, a stopped owner's is not", async () => {
  const first = contender();
  expect(await first.said).toBe("owner");
  first.child.kill("SIGSTOP");
  await expect(acquireOwnerLease(folder)).rejects.toMatchObject({ code: "data_dir_in_use" });
  first.child.kill("SIGKILL");
  await first.ended;
  (await acquireOwnerLease(folder)).release();
});

test("of many that start together one becomes the owner", async () => {
  const all = Array.from({ length: 5 }, () => contender());
  const answers = await Promise.all(all.map(({ said }) => said));
  expect(answers.filter((answer) => answer === "owner")).toHaveLength(1);
  expect(answers.filter((answer) => answer.startsWith("data_dir_in_use"))).toHaveLength(4);
});

test("waits for an owner that is about to end", async () => {
  const first = contender();
  await first.said;
  setTimeout(() => first.child.stdin.write("x"), 100);
  (await acquireOwnerLease(folder, { waitMs: 5_000 })).release();
});

test("a heartbeat that cannot be written is told once, and again after one that could", async () => {
  const told: string[] = [];
  const listen = (warning: Error) => told.push(warning.message);
  process.on("warning", listen);
  const inTheWay = join(folder, `.cuitty-owner.json.${process.pid}`);
  const lease = await acquireOwnerLease(folder, { heartbeatMs: 5 });
  const heartbeat = () => readFileSync(join(folder, ".cuitty-owner.json"), "utf8");
  try {
    mkdirSync(inTheWay);
    await vi.waitUntil(() => told.length > 0);
    await new Promise((done) => setTimeout(done, 50));
    expect(told).toHaveLength(1);
    const last = heartbeat();
    rmdirSync(inTheWay);
    await vi.waitUntil(() => heartbeat() !== last);
    mkdirSync(inTheWay);
    await vi.waitUntil(() => told.length > 1);
    expect(told).toHaveLength(2);
  } finally {
    lease.release();
    process.off("warning", listen);
  }
});

test("a folder that cannot be made is a typed error", async () => {
  writeFileSync(join(folder, "file"), "");
  await expect(acquireOwnerLease(join(folder, "file", "data"))).rejects.toMatchObject({ code: "io" });
});
