// One flipped bit makes of text what is no text: the store says so, the process lives on. The reading runs in a process of its own.
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStore } from "@cuitty/persist";
import { afterEach, beforeEach, expect, test } from "vitest";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "persist-text-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function flipBit(path: string, before: string): Promise<void> {
  const bytes = await readFile(path);
  const at = bytes.indexOf(before) + before.length;
  bytes[at]! ^= 0x80;
  await writeFile(path, bytes);
}

function run(script: string, path: string): string {
  const imports = 'import { createStore } from "@cuitty/persist"; const path = process.argv[1]; const code = (error) => error.code;';
  const args = ["--conditions=@cuitty/source", "--import", "tsx", "--input-type=module", "-e", imports + script, path];
  const result = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect(result.stderr).toBe("");
  return result.stdout.trim();
}

test("damaged text in a plain store is corrupt for the reads that meet it, and for no others", async () => {
  const path = join(folder, "plain.db");
  const store = await createStore({ name: "plain", path });
  for (let i = 0; i < 20; i++) await store.records.put(`r/${i}`, { mark: `here${i}x`, text: "ünï 😀" });
  await store.blobs.put("b", Uint8Array.of(0xff, 0xfe, 0));
  await store.close();
  await flipBit(path, '"here7');
  const script = `
    const store = await createStore({ name: "plain", path });
    const told = [await store.records.get("r/7").catch(code), await store.records.list("r/").then(() => "listed", code)];
    const fine = [(await store.records.get("r/8")).text, (await store.records.list("r/8")).length, (await store.blobs.get("b")).length];
    await store.records.put("r/7", 1);
    console.log(JSON.stringify([told, fine, await store.records.get("r/7"), (await store.records.list("r/")).length]));
    await store.close();`;
  expect(JSON.parse(run(script, path))).toEqual([["corrupt", "corrupt"], ["ünï 😀", 1, 3], 1, 20]);
});

test("a damaged manifest of an encrypted store is refused", async () => {
  const path = join(folder, "sealed.db");
  const store = await createStore({ name: "sealed", path, encrypt: true, keyStorage: "file" });
  await store.close();
  await flipBit(path, '"sealed":"');
  const script = 'console.log(await createStore({ name: "sealed", path, encrypt: true, keyStorage: "file" }).then(() => "opened", code));';
  expect(["corrupt", "tampered"]).toContain(run(script, path));
});
