// The notes app on the command line, run as a user runs it, on a real file.
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const run = promisify(execFile);
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "notes-cli-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function notes(...args: string[]): Promise<string> {
  const cli = join(import.meta.dirname, "../src/cli.ts");
  const env = { ...process.env, NOTES_PATH: join(folder, "notes.db"), DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent" };
  const { stdout } = await run(process.execPath, ["--conditions=@cuitty/source", "--import", "tsx", cli, ...args], { env });
  return stdout.trim();
}

test("notes are added, finished, listed and removed by one process after another, and the file shows none of them", async () => {
  const milk = await notes("add", "buy", "canary milk");
  const bread = await notes("add", "bake bread");
  await notes("done", milk);
  expect(await notes("list")).toBe(`[ ] ${bread}  bake bread\n[x] ${milk}  buy canary milk`);
  await notes("remove", bread);
  expect(await notes("list")).toBe(`[x] ${milk}  buy canary milk`);
  expect((await notes("history")).split("\n")).toEqual([`added ${milk}`, `added ${bread}`, `finished ${milk}`, `removed ${bread}`]);
  expect(await notes("export")).toContain("canary milk");
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name);
    if ((await stat(path)).isFile()) expect((await readFile(path)).includes("canary"), name).toBe(false);
  }
}, 60_000);

test("mistakes end with a message and a status", async () => {
  await expect(notes("done", "nothing")).rejects.toMatchObject({ code: 1, stderr: "there is no note nothing\n" });
  await expect(notes("add", " ")).rejects.toMatchObject({ code: 1, stderr: "a note needs some text\n" });
  await expect(notes("fly")).rejects.toMatchObject({ code: 2 });
}, 60_000);
