// For tests: temporary files on every engine.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Driver, EngineName } from "../../engine/driver.ts";
import { openHonker, openLibsql } from "../../engine/open-driver.ts";

export const engines: readonly EngineName[] = ["honker", "libsql"];

export interface TestFiles {
  readonly folder: string;
  open(engine: EngineName, name?: string): Driver;
  /** Closes what was opened and removes the folder. */
  remove(): void;
}

/** A driver on the engine, waiting up to 20 s for other processes. */
export function openTestDriver(path: string, engine: EngineName): Driver {
  const options = { busyTimeoutMs: 20_000 };
  return engine === "honker" ? openHonker(path, options).driver : openLibsql(path, options);
}

/** A folder for one test. */
export function testFiles(): TestFiles {
  const folder = mkdtempSync(join(tmpdir(), "cuitty-storage-"));
  const opened: Driver[] = [];
  return {
    folder,
    open(engine, name = "test.db") {
      const driver = openTestDriver(join(folder, name), engine);
      opened.push(driver);
      return driver;
    },
    remove() {
      for (const driver of opened) driver.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
