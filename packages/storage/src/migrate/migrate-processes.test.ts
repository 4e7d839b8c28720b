// Migrations and other processes: one killed in the middle leaves the file whole, two at once take turns.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EngineName } from "../engine/driver.ts";
import { engines, type TestFiles, testFiles } from "../sqlite/testing/drivers.ts";
import { batches, rowsPerBatch, slowMigrations } from "../sqlite/testing/slow-migrations.ts";
import { applyMigrations } from "./migrate.ts";

let files: TestFiles;
const children: ChildProcess[] = [];
beforeEach(() => {
  files = testFiles();
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  files.remove();
});

const script = fileURLToPath(new URL("../sqlite/testing/migrate-child.ts", import.meta.url));

function startChild(engine: EngineName): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, ["--conditions=@cuitty/source", "--import", "tsx", script, join(files.folder, "test.db"), engine]);
  children.push(child);
  let text = "";
  child.stdout!.on("data", (chunk) => {
    text += chunk;
  });
  child.stderr!.on("data", (chunk) => {
    text += chunk;
  });
  return { child, output: () => text };
}

describe.each(engines)("%s", (engine) => {
  test("kill -9 in the middle of a migration leaves the state before it, and the next start finishes it", {
    timeout: 120_000,
  }, async () => {
    const before = files.open(engine);
    applyMigrations(before, { kind: "module", migrations: slowMigrations.slice(0, 1) });
    before.close();
    let interrupted = 0;
    for (const delayMs of [0, 30, 60, 120, 200]) {
      const { child } = startChild(engine);
      await once(child.stdout!, "data");
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      child.kill("SIGKILL");
      await once(child, "exit");
      const driver = files.open(engine);
      expect(driver.prepare("PRAGMA integrity_check").get()).toEqual(["ok"]);
      const version = driver.prepare("PRAGMA user_version").get()?.[0];
      const rows = driver.prepare("SELECT count(*) FROM item").get()?.[0];
      expect([version, rows]).toEqual(version === 1 ? [1, rowsPerBatch] : [2, rowsPerBatch * (batches + 1)]);
      if (version === 1) interrupted++;
      driver.close();
      if (version === 2) break;
    }
    expect(interrupted).toBeGreaterThan(0);
    const after = files.open(engine);
    applyMigrations(after, { kind: "module", migrations: slowMigrations });
    expect(after.prepare("SELECT count(*), min(done) FROM item").get()).toEqual([rowsPerBatch * (batches + 1), 1]);
  });

  test("two processes that migrate one file at once apply every migration once", { timeout: 60_000 }, async () => {
    const started = [startChild(engine), startChild(engine)];
    const exits = await Promise.all(started.map(({ child }) => once(child, "exit")));
    const outputs = started.map(({ output }) => output());
    expect(
      exits.map(([code]) => code),
      outputs.join("\n"),
    ).toEqual([0, 0]);
    const applied = outputs.flatMap((text) => JSON.parse(text.trim().split("\n").pop()!) as number[]);
    expect(applied.sort()).toEqual([1, 2]);
    const driver = files.open(engine);
    expect(driver.prepare("SELECT count(*) FROM item").get()?.[0]).toBe(rowsPerBatch * (batches + 1));
  });
});
