// What a full disk or a read-only folder does to the saving of a key.
import fs, { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { keyFilePlace } from "./key-file.ts";
import { createKeyStorage } from "./key-storage.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "persist-key-file-"));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

test.each([
  ["ENOSPC", "full", "make room"],
  ["EROFS", "readonly", "folder writable"],
])("saving a key where the system says %s is told as %s, and the key that was there stays", async (errno, code, advice) => {
  const path = join(folder, "a.key");
  const storage = createKeyStorage([keyFilePlace({ path, isNamed: true, madeFor: "test" })!], "pass `keyFile`");
  await storage.update("one", async () => "first");
  const before = readFileSync(path, "utf8");
  vi.spyOn(fs, "writeSync").mockImplementation(() => {
    throw Object.assign(new Error(errno), { code: errno });
  });
  await expect(storage.update("one", async () => "second")).rejects.toMatchObject({ code, message: expect.stringContaining(advice) });
  expect(readFileSync(path, "utf8")).toBe(before);
});
