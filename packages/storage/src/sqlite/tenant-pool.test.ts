// The pool of tenant files: bounded, least recently used first, never closing what is in use, safe against names.
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { graphTypes } from "./tables/index.ts";
import { createTenantPool, type TenantPool, type TenantPoolOptions } from "./tenant-pool.ts";
import { engines, openTestDriver, type TestFiles, testFiles } from "./testing/drivers.ts";

describe.each(engines)("tenant pool on %s", (engine) => {
  let files: TestFiles;
  let pool: TenantPool | undefined;
  let nowMs = 0;
  let opened: string[] = [];
  const start = (options: Partial<TenantPoolOptions> = {}) => {
    pool = createTenantPool({
      folder: join(files.folder, "tenants"),
      now: () => nowMs,
      open: (path) => {
        opened.push(path.replace(/^.*tenant-|\.db$/g, ""));
        return openTestDriver(path, engine);
      },
      ...options,
    });
    return pool;
  };
  beforeEach(() => {
    files = testFiles();
    nowMs = 0;
    opened = [];
  });
  afterEach(async () => {
    await pool?.close();
    files.remove();
  });

  test.each([{ folder: "" }, { folder: 5 }, { folder: "a\0b" }, { maxOpen: 0 }, { maxOpen: Number.NaN }, { idleMs: -1 }, { waitMs: "5" }])(
    "an option that is none is refused at once: %j",
    (options) => {
      expect(() => start(options as never)).toThrow(expect.objectContaining({ code: "invalid_option" }));
    },
  );

  test("opens, migrates and reuses files; each organization has its own rows", async () => {
    const { use } = start();
    await use("acme", (db) => db.insert(graphTypes).values({ id: "t", name: "acl", config: { type: "directed" } }));
    expect(await use("acme", (db) => db.$count(graphTypes))).toBe(1);
    expect(await use("other", (db) => db.$count(graphTypes))).toBe(0);
    expect(opened).toEqual(["acme", "other"]);
    expect(statSync(join(files.folder, "tenants")).mode & 0o777).toBe(0o700);
    expect(statSync(pool!.pathOf("acme")).mode & 0o777).toBe(0o600);
  });

  test("closes the file unused for longest when it is full", async () => {
    const { use } = start({ maxOpen: 2 });
    for (const org of ["a", "b", "a", "c", "a", "b"]) await use(org, () => {});
    expect(opened).toEqual(["a", "b", "c", "b"]);
    expect(pool!.openCount).toBe(2);
  });

  test("a file in use is not closed: callers wait for another, and get pool_exhausted in the end", async () => {
    const { use } = start({ maxOpen: 1, waitMs: 50, now: Date.now });
    let release = () => {};
    const held = use("a", async (db) => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return db.$count(graphTypes);
    });
    expect(await use("a", () => "shared")).toBe("shared");
    await expect(use("b", () => {})).rejects.toThrow(expect.objectContaining({ code: "pool_exhausted", retryable: true }));
    const waiting = use("c", () => "c");
    release();
    expect([await held, await waiting]).toEqual([0, "c"]);
  });

  test("what is idle is closed also when the system's time was set back meanwhile", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    try {
      const { use, closeIdle } = start({ idleMs: 5, now: undefined as never });
      await use("acme", () => undefined);
      vi.setSystemTime(Date.now() - 3_600_000);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(closeIdle()).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });

  test("idle files are closed and come back", async () => {
    const { use, closeIdle } = start({ idleMs: 1_000 });
    await use("a", () => {});
    nowMs = 999;
    expect(closeIdle()).toBe(0);
    await use("a", () => {
      nowMs = 5_000;
      expect(closeIdle()).toBe(0);
    });
    nowMs = 6_000;
    expect([closeIdle(), pool!.openCount]).toEqual([1, 0]);
    await use("a", () => {});
    expect(opened).toEqual(["a", "a"]);
  });

  test("names that could leave the folder or mean something to a file system are refused", async () => {
    const { use, pathOf } = start();
    const bad = [
      "",
      ".",
      "..",
      "../x",
      "a/b",
      "a\\b",
      "a.b",
      "a b",
      "-a",
      "_a",
      "a\0",
      "é",
      "a".repeat(129),
      "a:b",
      "%2e",
      5 as never,
      undefined as never,
    ];
    for (const name of bad) {
      expect(() => pathOf(name), String(name)).toThrow(expect.objectContaining({ code: "invalid_tenant_name" }));
      await expect(use(name, () => {})).rejects.toThrow(expect.objectContaining({ code: "invalid_tenant_name" }));
    }
    expect(existsSync(join(files.folder, "tenants"))).toBe(false);
    await use("0198f7a4-6d5e-7c3b-8a1f-2b3c4d5e6f70", () => {});
    expect(readdirSync(join(files.folder, "tenants"))).toContain("tenant-0198f7a4-6d5e-7c3b-8a1f-2b3c4d5e6f70.db");
  });

  test("close awaited inside a body is pool_in_use after the wait, and its file is closed when the body ends", async () => {
    const { use, close } = start({ waitMs: 30, now: Date.now });
    const refusal = use("a", async () => {
      await use("b", () => {});
      await close();
    });
    await expect(refusal).rejects.toThrow(expect.objectContaining({ code: "pool_in_use", retryable: true }));
    expect(pool!.openCount).toBe(0);
    await close();
  });

  test("an error in the body or in opening leaves no file stuck; close waits for what runs", async () => {
    const { use, close } = start({ maxOpen: 1 });
    await expect(
      use("a", () => {
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    await use("b", () => {});
    let isDone = false;
    const running = use("b", async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      isDone = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    await close();
    expect(isDone).toBe(true);
    await running;
    await expect(use("b", () => {})).rejects.toThrow(expect.objectContaining({ code: "closed" }));
    expect(pool!.openCount).toBe(0);
  });
});
