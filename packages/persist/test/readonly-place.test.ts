// A place that cannot be written is told as such. Root writes everywhere, so the store is opened by a process without that right of his.
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

const dropped = "-dac_override,-dac_read_search";
/** An ordinary owner then, who can still reach this checkout. */
const withoutRights = process.getuid?.() === 0 ? ["setpriv", `--inh-caps=${dropped}`, `--bounding-set=${dropped}`] : [];

test("a store in a place that cannot be written takes nothing, as readonly: an existing one and a new one", async () => {
  const path = join(folder, "a.db");
  const store = await createStore({ name: "a", path });
  await store.close();
  await mkdir(join(folder, "b.db.lock"));
  await chmod(path, 0o444);
  for (const name of ["a.db.lock", "b.db.lock", ""]) await chmod(join(folder, name), 0o555);
  const script = `
    import { createStore } from "@cuitty/persist";
    for (const name of ["a.db", "b.db", "c.db", "d/e.db"])
      await createStore({ name: "a", path: process.argv[1] + "/" + name })
        .then((store) => store.records.put("key", 1))
        .then(() => console.log("written"), (error) => console.log(error.code));
    process.exit();`;
  const node = [process.execPath, "--conditions=@cuitty/source", "--import", "tsx", "--input-type=module", "-e", script, folder];
  const [command, ...args] = [...withoutRights, ...node] as [string, ...string[]];
  const result = spawnSync(command, args, { encoding: "utf8", env: { ...process.env, NODE_NO_WARNINGS: "1" } });
  expect(result.stderr).toBe("");
  expect(result.stdout.trim().split("\n")).toEqual(["readonly", "readonly", "readonly", "readonly"]);
});
