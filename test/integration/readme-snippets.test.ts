// The README's snippets, run as they stand in a project folder of their own; only the port is exchanged for a free one.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const started: ChildProcess[] = [];
let folder: string;
let port: number;

beforeAll(async () => {
  // Inside the workspace, so that the packages resolve; the folder is ignored by git.
  await mkdir(join(root, ".tmp"), { recursive: true });
  folder = await mkdtemp(join(root, ".tmp/readme-"));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  port = await freePort();
});
afterAll(async () => {
  for (const child of started) child.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function start(
  name: string,
  env: Record<string, string> = {},
): Promise<{ child: ChildProcess; output: () => string; errors: () => string }> {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const snippet = new RegExp(`\`\`\`ts\n// ${name}\n([\\s\\S]*?)\`\`\``).exec(readme)?.[1];
  if (snippet === undefined) throw new Error(`README.md has no snippet named ${name}`);
  await writeFile(join(folder, name), snippet.replaceAll("7700", String(port)));
  const child = spawn(process.execPath, ["--conditions=@cuitty/source", "--import", "tsx", name], {
    cwd: folder,
    env: { ...process.env, ...env },
  });
  started.push(child);
  let output = "";
  let errors = "";
  child.stdout?.on("data", (chunk: Buffer) => (output += chunk));
  child.stderr?.on("data", (chunk: Buffer) => (errors += chunk));
  return { child, output: () => output, errors: () => errors };
}

async function run(name: string, env: Record<string, string> = {}): Promise<string> {
  const { child, output, errors } = await start(name, env);
  const code = await new Promise((resolve) => child.once("close", resolve));
  expect(errors()).toBe("");
  expect(code).toBe(0);
  return output();
}

test("ways 1 and 2: an app embeds ingest, a client sends an event to it", async () => {
  const server = await start("embed.ts");
  const field = (name: string): string | undefined => new RegExp(`${name}: '([^']+)'`).exec(server.output())?.[1];
  await expect.poll(() => field("webhookSecret") ?? server.errors(), { timeout: 20_000 }).toMatch(/^[^\s]{20,}$/);
  const env = { CUITTY_PROJECT_ID: field("projectId")!, CUITTY_API_KEY: field("apiKey")!, CUITTY_WEBHOOK_SECRET: field("webhookSecret")! };
  expect(await run("client.ts", env)).toBe("{ sent: 1, pending: 0, dropped: 0 }\n");
  const stored = await fetch(`http://127.0.0.1:${port}/api/modules/audit/events`, {
    headers: { authorization: `Bearer ${env.CUITTY_API_KEY}` },
  });
  expect(await stored.json()).toMatchObject({ events: [{ type: "audit", data: { actor: "alice@example.com", action: "secret.rotate" } }] });
}, 60_000);

test("way 3: a local, encrypted store", async () => {
  expect(await run("store.ts", { DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent", HOME: folder })).toBe(
    "users/alice { name: 'Alice', role: 'admin' }\n",
  );
}, 60_000);

test("way 4: a SQLite file with Drizzle and notifications", async () => {
  expect(await run("storage.ts")).toBe("[ { name: 'calls' } ]\n");
}, 60_000);
