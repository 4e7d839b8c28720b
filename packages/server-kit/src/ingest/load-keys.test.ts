// Keys from before a start are known after it, however many there are.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ModuleFile, openModuleFile } from "@cuitty/storage/module-file";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createKnownKeys, type KnownKeys } from "./known-keys.ts";
import { loadKeys } from "./load-keys.ts";

let folder: string;
let files: ModuleFile[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cuitty-keys-"));
  files = await Promise.all(["a", "b"].map((name) => openModuleFile({ location: join(folder, `${name}.db`), migrations: [] })));
});
afterEach(async () => {
  await Promise.all(files.map((file) => file.close()));
  await rm(folder, { recursive: true });
});

const fill = (file: ModuleFile | undefined, keys: readonly string[]) =>
  Promise.all(keys.map((key) => file?.write({ projectId: "p", idempotencyKey: key, statements: [], nowMs: 1 })));

function observed(): { known: KnownKeys; isLoaded: () => boolean } {
  const known = createKnownKeys();
  let isLoaded = false;
  const setLoaded = () => {
    isLoaded = true;
    known.setLoaded();
  };
  return { known: { ...known, setLoaded }, isLoaded: () => isLoaded };
}

test("a few keys are here when it resolves", async () => {
  await fill(files[0], ["one"]);
  await fill(files[1], ["two"]);
  const { known, isLoaded } = observed();
  await loadKeys(known, files, new AbortController().signal);
  expect(isLoaded()).toBe(true);
  expect(["one", "two", "three"].map((key) => known.meet("p", key))).toEqual([false, false, true]);
});

test("many keys come page by page, and until the last is here none is new", async () => {
  const keys = Array.from({ length: 4_500 }, (_, index) => `key-${index}`);
  await fill(files[0], keys);
  const { known, isLoaded } = observed();
  await loadKeys(known, files, new AbortController().signal);
  expect([isLoaded(), known.meet("p", "new before all are here")]).toEqual([false, false]);
  await vi.waitFor(() => expect(isLoaded()).toBe(true));
  expect(keys.filter((key) => known.meet("p", key))).toEqual([]);
  expect(known.meet("p", "new")).toBe(true);
});

test("files that are closed meanwhile end it quietly, and leave every key known", async () => {
  await fill(
    files[0],
    Array.from({ length: 2_500 }, (_, index) => `key-${index}`),
  );
  const { known, isLoaded } = observed();
  const controller = new AbortController();
  await loadKeys(known, files, controller.signal);
  controller.abort();
  await files[0]?.close();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect([isLoaded(), known.meet("p", "any")]).toEqual([false, false]);
});
