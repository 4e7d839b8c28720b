// Disks that are full, limited or read-only: typed errors, nothing acknowledged lost, and everything works again afterwards.
import { type ChildProcessByStdio, execFileSync, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Driver, EngineName } from "../engine/driver.ts";
import { isHonkerInstalled } from "../engine/honker-native.ts";
import { openHonker, openLibsql } from "../engine/open-driver.ts";
import { readElsewhere } from "../engine/testing/lock-holder.ts";
import { openModuleFile } from "./open-module-file.ts";
import { type Bundle, bundleForChild } from "./testing/bundle.ts";

const isRoot = process.getuid?.() === 0;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cuitty-faults-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** The writer as one file, so that it starts under any limit and user. */
let bundle: Bundle;
beforeAll(async () => {
  bundle = await bundleForChild(join(import.meta.dirname, "testing/fill-child.ts"));
});
afterAll(() => bundle.remove());

interface Lines {
  /** Resolves with the first line that matches. */
  find(pattern: RegExp): Promise<string>;
  readonly all: string[];
  readonly ended: Promise<void>;
}

function linesOf(child: ChildProcessByStdio<null, Readable, null>): Lines {
  const all: string[] = [];
  const waiting: { pattern: RegExp; done: (line: string) => void }[] = [];
  let rest = "";
  child.stdout.on("data", (data) => {
    const parts = (rest + String(data)).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) {
      all.push(line);
      for (const { pattern, done } of waiting) if (pattern.test(line)) done(line);
    }
  });
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  return {
    all,
    ended,
    find(pattern) {
      const known = all.find((line) => pattern.test(line));
      if (known !== undefined) return Promise.resolve(known);
      return new Promise((done, failed) => {
        waiting.push({ pattern, done });
        void ended.then(() => failed(new Error(`ended without ${pattern}: ${all.slice(-3).join(" | ")}`)));
      });
    },
  };
}

async function expectRecovery(lines: Lines, path: string): Promise<void> {
  await lines.find(/^closed$/);
  await lines.ended;
  const failed = lines.all.findIndex((line) => line.startsWith("failed"));
  const last = lines.all.filter((line) => line.startsWith("ok")).at(-1) as string;
  expect(lines.all.indexOf(last)).toBeGreaterThan(failed);
  const acknowledged = lines.all.filter((line) => line.startsWith("ok")).map((line) => `e${line.split(" ")[1]}`);
  const stored = (await readElsewhere(path, "SELECT id FROM events")).map(([id]) => id);
  expect(stored.sort()).toEqual(acknowledged.sort());
  expect(await readElsewhere(path, "PRAGMA integrity_check")).toEqual([["ok"]]);
}

describe.each<EngineName>(isHonkerInstalled() ? ["libsql", "honker"] : ["libsql"])("%s", (engine) => {
  test("a full database is `full`, rolled back, and takes writes when there is room again", () => {
    const path = join(folder, "a.db");
    const driver: Driver = engine === "honker" ? openHonker(path).driver : openLibsql(path);
    driver.exec("CREATE TABLE t (v)");
    const pages = Number(driver.prepare("PRAGMA page_count").get()?.[0]);
    driver.exec(`PRAGMA max_page_count = ${pages + 20}`);
    const write = () => driver.transaction(() => driver.prepare("INSERT INTO t VALUES (?)").run(["x".repeat(10_000)]));
    const fill = () => {
      for (let n = 0; n < 100; n++) write();
    };
    expect(fill).toThrow(expect.objectContaining({ code: "full", retryable: true }));
    expect(driver.inTransaction).toBe(false);
    const stored = Number(driver.prepare("SELECT count(*) FROM t").get()?.[0]);
    expect(() => driver.exec(`BEGIN; INSERT INTO t VALUES ('${"y".repeat(500_000)}')`)).toThrow(expect.objectContaining({ code: "full" }));
    if (driver.inTransaction) driver.exec("ROLLBACK");
    driver.exec("PRAGMA max_page_count = 1000000");
    write();
    expect(driver.prepare("SELECT count(*) FROM t").get()).toEqual([stored + 1]);
    driver.close();
  });
});

test("a group in a full file: what fits is written, what does not is `full`", async () => {
  const migrations = [{ version: 1, name: "t", statements: ["CREATE TABLE t (v TEXT)"] }];
  const file = await openModuleFile({ location: join(folder, "a.db"), migrations });
  const pages = Number((await file.all("PRAGMA page_count"))[0]?.[0]);
  await file.all(`PRAGMA max_page_count = ${pages + 10}`);
  const write = (key: string, bytes: number) =>
    file.write({
      projectId: "p",
      idempotencyKey: key,
      statements: [{ table: "t", columns: ["v"], rows: [["x".repeat(bytes)]] }],
      nowMs: 1,
    });
  const results = await Promise.allSettled([write("small", 100), write("large", 200_000), write("also-small", 100)]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect((results[1] as PromiseRejectedResult).reason).toMatchObject({ code: "full", retryable: true });
  await file.all("PRAGMA max_page_count = 1000000");
  expect(await write("large", 200_000)).toMatchObject({ status: "written" });
  await file.close();
});

const canMount = process.platform === "linux" && isRoot && canMountTmpfs();
function canMountTmpfs(): boolean {
  const target = mkdtempSync(join(tmpdir(), "cuitty-mount-"));
  const isMounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", target]).status === 0;
  if (isMounted) spawnSync("umount", [target]);
  rmSync(target, { recursive: true, force: true });
  return isMounted;
}

test.runIf(canMount)("a disk without space: typed errors until there is space, nothing acknowledged lost", async () => {
  const disk = join(folder, "disk");
  mkdirSync(disk);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=3m", "none", disk]);
  try {
    writeFileSync(join(disk, "filler"), Buffer.alloc(2_000_000));
    const path = join(disk, "a.db");
    const lines = linesOf(spawn(process.execPath, [bundle.path, path], { stdio: ["ignore", "pipe", "inherit"] }));
    expect(await lines.find(/^failed|^thrown/)).toMatch(/^failed \d+ (full|io) true$/);
    rmSync(join(disk, "filler"));
    await expectRecovery(lines, path);
  } finally {
    execFileSync("umount", ["-l", disk]);
  }
});

const hasPrlimit = process.platform === "linux" && spawnSync("prlimit", ["--version"]).status === 0;

test.runIf(hasPrlimit)("a limit on file sizes: typed errors until it is lifted, nothing acknowledged lost", async () => {
  const path = join(folder, "a.db");
  const child = spawn("bash", ["-c", `ulimit -S -f 400; exec "${process.execPath}" "${bundle.path}" "${path}"`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = linesOf(child);
  expect(await lines.find(/^failed|^thrown/)).toMatch(/^failed \d+ (full|io) true$/);
  execFileSync("prlimit", ["--pid", String(child.pid), "--fsize=unlimited"]);
  await expectRecovery(lines, path);
});

test("a read-only folder is a typed error for new and for existing files", async () => {
  const path = join(folder, "a.db");
  (await openModuleFile({ location: path, migrations: [] })).close();
  const start = (target: string) => {
    // Root writes where it may not; without these capabilities it is an ordinary owner, who can still reach this checkout.
    const dropped = "-dac_override,-dac_read_search";
    const drop = isRoot ? ["setpriv", `--inh-caps=${dropped}`, `--bounding-set=${dropped}`] : [];
    const [command, ...args] = [...drop, process.execPath, bundle.path, target];
    return linesOf(spawn(command as string, args, { stdio: ["ignore", "pipe", "inherit"] }));
  };
  for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
  chmodSync(folder, 0o555);
  expect(await start(path).find(/./)).toMatch(/^thrown readonly /);
  chmodSync(folder, 0o755);
  writeFileSync(path, "");
  chmodSync(path, 0o444);
  chmodSync(folder, 0o555);
  expect(await start(path).find(/./)).toMatch(/^thrown (readonly|io) /);
  chmodSync(folder, 0o755);
});
