// Records what a process does to its files with strace, and reads that record back as operations on a disk.
import { spawn } from "node:child_process";
import { closeSync, openSync, readSync } from "node:fs";

export type DiskOperation =
  | { readonly type: "write"; readonly path: string; readonly offset: number; readonly bytes: Buffer }
  | { readonly type: "truncate"; readonly path: string; readonly size: number }
  | { readonly type: "sync"; readonly path: string }
  | { readonly type: "unlink"; readonly path: string }
  /** Something written to standard output: an acknowledgement. */
  | { readonly type: "say"; readonly text: string };

const calls = "pwrite64,write,fdatasync,fsync,ftruncate,unlink,unlinkat,rename,renameat,renameat2";

/** Runs a command under strace until it ends. `log` receives the record. */
export async function record(command: readonly string[], log: string): Promise<void> {
  const args = ["-f", "-y", "-xx", "-qq", "-s", "1000000", "-e", `trace=${calls}`, "-o", log, ...command];
  const child = spawn("strace", args, { stdio: ["ignore", "ignore", "inherit"] });
  const code = await new Promise<number | null>((done, failed) => child.once("close", done).once("error", failed));
  if (code !== 0) throw new Error(`the recorded process ended with ${code}`);
}

const decode = (escaped: string): Buffer => Buffer.from(escaped.replaceAll("\\x", ""), "hex");
const decodePath = (escaped: string): string => (escaped.includes("\\x") ? decode(escaped).toString("utf8") : escaped);

const patterns = {
  write: /^(?:pwrite64|write)\((\d+)<([^>]*)>, "([^"]*)", \d+(?:, (\d+))?\) = (\d+)/,
  sync: /^f(?:data)?sync\(\d+<([^>]*)>\) = 0/,
  truncate: /^ftruncate\(\d+<([^>]*)>, (\d+)\) = 0/,
  unlink: /^unlink(?:at)?\((?:[^,"]*, )?"([^"]*)"(?:, [^)]*)?\) = 0/,
};

function parseCall(call: string): DiskOperation | undefined {
  const write = patterns.write.exec(call);
  if (write !== null) {
    const [, fd, path = "", data = "", offset, done] = write;
    const bytes = decode(data).subarray(0, Number(done));
    if (fd === "1") return { type: "say", text: bytes.toString("utf8") };
    return offset === undefined ? undefined : { type: "write", path: decodePath(path), offset: Number(offset), bytes };
  }
  const sync = patterns.sync.exec(call);
  if (sync !== null) return { type: "sync", path: decodePath(sync[1] as string) };
  const truncate = patterns.truncate.exec(call);
  if (truncate !== null) return { type: "truncate", path: decodePath(truncate[1] as string), size: Number(truncate[2]) };
  const unlink = patterns.unlink.exec(call);
  return unlink === null ? undefined : { type: "unlink", path: decodePath(unlink[1] as string) };
}

/** Reads a record: one operation a completed call, in the order of completion. */
export function* readRecord(log: string): Generator<DiskOperation> {
  const unfinished = new Map<string, string>();
  for (const line of lines(log)) {
    const [, pid = "", rest = ""] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    if (rest.endsWith("<unfinished ...>")) {
      unfinished.set(pid, rest.slice(0, -"<unfinished ...>".length).trimEnd());
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    const call = resumed === null ? rest : `${unfinished.get(pid) ?? ""}${resumed[1]}`;
    const operation = parseCall(call.replace(/\)\s+=/, ") ="));
    if (operation !== undefined) yield operation;
  }
}

/** A record is larger than a string should be. */
function* lines(path: string): Generator<string> {
  const fd = openSync(path, "r");
  const buffer = Buffer.alloc(1024 * 1024);
  let rest = "";
  try {
    for (let read = readSync(fd, buffer); read > 0; read = readSync(fd, buffer)) {
      const parts = (rest + buffer.toString("latin1", 0, read)).split("\n");
      rest = parts.pop() ?? "";
      yield* parts;
    }
  } finally {
    closeSync(fd);
  }
}
