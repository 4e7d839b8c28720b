// A place that cannot be written is told as such. A user with all rights writes everywhere, so the store is opened by one without.
import { spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStore } from "@cuitty/persist";
import { afterEach, beforeEach, expect, test } from "vitest";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "persist-readonly-"));
});
afterEach(async () => {
  await chmod(folder, 0o755);
  await rm(folder, { recursive: true, force: true });
});

const nobody = 65_534;

test("a store in a place that cannot be written is refused as readonly, an existing one and a new one", async () => {
  const path = join(folder, "a.db");
  const store = await createStore({ name: "a", path });
  await store.close();
  await mkdir(join(folder, "b.db.lock"));
  await chmod(path, 0o444);
  for (const name of ["a.db.lock", "b.db.lock", ""]) await chmod(join(folder, name), 0o555);
  const script = `
    import { createStore } from "@cuitty/persist";
    for (const name of ["a.db", "b.db", "c.db", "d/e.db"])
      await createStore({ name: "a", path: process.argv[1] + "/" + name }).then(() => console.log("opened"), (error) => console.log(error.code));`;
  const result = spawnSync(
    process.execPath,
    ["--conditions=@cuitty/source", "--import", "tsx", "--input-type=module", "-e", script, folder],
    { encoding: "utf8", ...(process.getuid?.() === 0 ? { uid: nobody } : {}) },
  );
  expect(result.stderr).toBe("");
  expect(result.stdout.trim().split("\n")).toEqual(["readonly", "readonly", "readonly", "readonly"]);
});
