// The table of messages stays small, however few of them each process sends.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { engines, type TestFiles, testFiles } from "../sqlite/testing/drivers.ts";
import { open } from "./open.ts";

describe.each(engines)("notifications on %s", (engine) => {
  let files: TestFiles;
  beforeEach(() => {
    files = testFiles();
  });
  afterEach(() => files.remove());

  /** As of a process of its own: opened, used a little and closed. Returns how many rows are left. */
  function send(count: number, agedSeconds: number): number {
    const client = open(`${files.folder}/a.db`, { engine });
    try {
      client.driver.transaction(() => {
        for (let i = 0; i < count; i++) client.notify("jobs", i);
      });
      const rows = Number(client.driver.prepare("SELECT count(*) FROM _honker_notifications").get()?.[0]);
      client.driver.prepare("UPDATE _honker_notifications SET created_at = created_at - ?").run([agedSeconds]);
      return rows;
    } finally {
      client.close();
    }
  }

  test("older than an hour go, also where every process sends a few", () => {
    const rows = Array.from({ length: 12 }, () => send(300, 3_000));
    expect(Math.max(...rows)).toBeLessThan(2_100);
  });

  test("of the last hour stay, those from before the clock was put back do not hold others", () => {
    expect(send(900, -8_000_000)).toBe(900);
    expect(send(200, 0)).toBe(200);
    expect(send(900, 0)).toBe(1_100);
  });
});
