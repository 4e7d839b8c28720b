// Test tool: another process that holds the write lock of a file until told to let go.
import { execFileSync, spawn } from "node:child_process";

const script = `
  const Database = require("libsql");
  const database = new Database(process.argv[1], { timeout: 5000 });
  database.exec("BEGIN IMMEDIATE");
  if (process.argv[2]) database.exec(process.argv[2]);
  process.stdout.write("held");
  process.stdin.once("data", () => { database.exec("COMMIT"); process.stdout.write("free"); });
  process.stdin.on("end", () => process.exit());`;

export interface LockHolder {
  /** Commits and ends. */
  release(): Promise<void>;
}

/** Starts the process; resolves when it holds the lock. `sql` runs in its transaction. */
export async function holdWriteLock(path: string, sql = ""): Promise<LockHolder> {
  const child = spawn(process.execPath, ["-e", script, path, sql], { stdio: ["pipe", "pipe", "inherit"], cwd: import.meta.dirname });
  const said = () => new Promise<string>((done) => child.stdout.once("data", (data) => done(String(data))));
  const ended = new Promise((done) => child.once("close", done));
  if ((await said()) !== "held") throw new Error("the lock holder did not start");
  return {
    async release() {
      child.stdin.write("x");
      await said();
      child.stdin.end();
      await ended;
    },
  };
}

/** Rows of a query as another process sees them. */
export async function readElsewhere(path: string, sql: string): Promise<unknown[][]> {
  const text = `const Database = require("libsql"); const database = new Database(process.argv[1]);
    console.log(JSON.stringify(database.prepare(process.argv[2]).raw().all([])))`;
  const child = spawn(process.execPath, ["-e", text, path, sql], { stdio: ["ignore", "pipe", "inherit"], cwd: import.meta.dirname });
  let output = "";
  child.stdout.on("data", (data) => {
    output += data;
  });
  await new Promise((done) => child.once("close", done));
  return JSON.parse(output) as unknown[][];
}

/** Runs a script as another process, and waits for it without a turn of the event loop. */
export function executeElsewhere(path: string, sql: string): void {
  const text = `const Database = require("libsql"); new Database(process.argv[1], { timeout: 5000 }).exec(process.argv[2])`;
  execFileSync(process.execPath, ["-e", text, path, sql], { cwd: import.meta.dirname, stdio: ["ignore", "ignore", "inherit"] });
}
