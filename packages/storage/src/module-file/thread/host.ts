// The far side of a storage thread: opens module files and does what it is asked, one answer for each request.
import { parentPort, workerData } from "node:worker_threads";
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { SqlRow, SqlValue } from "../../engine/driver.ts";
import { type BatchOutcome, INBOX_SELECT, type Objection, objectionOf } from "../ingest-write.ts";
import { openLocalModuleFile } from "../local-module-file.ts";
import type { Procedure } from "../procedure.ts";
import type { IngestWrite, ModuleFile, WriteTransaction } from "../types.ts";
import { type Bridge, type BridgeEnd, openBridge } from "./bridge.ts";
import {
  exactValues,
  type PlainWrite,
  type ThreadAnswer,
  type ThreadCall,
  type ThreadMessage,
  type ThreadRequest,
  type TransactionAnswer,
  type TransactionCommand,
  toPlainError,
} from "./messages.ts";

export interface HostOptions {
  /** What `IngestWrite.interactive` may name. */
  // biome-ignore lint/suspicious/noExplicitAny: reason: procedures with all kinds of arguments stand in one list.
  readonly procedures?: readonly Procedure<any>[] | undefined;
}

/** Marks the data of a thread started by `createStorageThread`. */
export interface ThreadData {
  readonly cuittyStorageBridge: BridgeEnd;
}

/** To be called by the file that `createStorageThread` is given; does nothing anywhere else. */
export function hostModuleFiles({ procedures = [] }: HostOptions = {}): void {
  const end = (workerData as Partial<ThreadData> | null)?.cuittyStorageBridge;
  if (parentPort === null || end === undefined) return;
  const port = parentPort;
  let isEnding = false;
  const say = (message: ThreadMessage): void => {
    if (!isEnding) port.postMessage(message);
  };
  const desk = createDesk(say);
  const hosted: Hosted = {
    files: new Map(),
    procedures: new Map(procedures.map((procedure) => [procedure.name, procedure])),
    bridge: openBridge(end),
    cancels: new Map(),
    say,
  };
  // A thread that exits or throws gives its locks back itself: Bun 1.4 leaves what its native objects hold to the process. Bun 1.3 runs on a little after
  // `exit`; what it would say of files that are closed is not the reason.
  process.once("exit", () => {
    isEnding = true;
    for (const file of hosted.files.values()) file.driver?.close();
  });
  port.on("message", (request: ThreadRequest) => {
    if (request.op === "cancel") hosted.cancels.get(request.id)?.abort();
    else void answer(hosted, request, desk);
  });
  say({ ready: [...hosted.procedures.keys()] });
}

interface Hosted {
  readonly files: Map<number, ModuleFile>;
  readonly procedures: ReadonlyMap<string, Procedure<unknown>>;
  readonly bridge: Bridge;
  readonly cancels: Map<number, AbortController>;
  readonly say: (message: ThreadMessage) => void;
}

type Call = ThreadCall & { readonly id: number };

async function answer(hosted: Hosted, call: Call, desk: Desk): Promise<void> {
  let result: ThreadAnswer;
  try {
    result = { id: call.id, value: await run(hosted, call) };
  } catch (error) {
    result = { id: call.id, error: toPlainError(error) };
  }
  const touched = call.op === "write" ? call.parts.map(({ file }) => file) : [call.file];
  desk.put(
    result,
    touched.map((file) => [file, hosted.files.get(file)]),
  );
}

/** Collects the answers of a group, so that they travel together. */
interface Desk {
  put(answer: ThreadAnswer, touched: readonly (readonly [number, ModuleFile | undefined])[]): void;
}

function createDesk(say: Hosted["say"]): Desk {
  let answers: ThreadAnswer[] = [];
  const files = new Map<number, ModuleFile>();
  function send(): void {
    const stats = [...files].map(([number, file]) => [number, file.stats()] as const);
    const sent = answers;
    answers = [];
    files.clear();
    say({ answers: sent, stats });
  }
  return {
    put(given, touched) {
      for (const [number, file] of touched) if (file !== undefined) files.set(number, file);
      // After the microtasks of all requests that the same commit has settled.
      if (answers.push(given) === 1) queueMicrotask(send);
    },
  };
}

function fileOf({ files }: Hosted, number: number): ModuleFile {
  const file = files.get(number);
  if (file === undefined) throw new CuittyError("closed", "the database is closed; open it again to use it");
  return file;
}

async function run(hosted: Hosted, call: Call): Promise<unknown> {
  switch (call.op) {
    case "open":
      hosted.files.set(call.file, await openLocalModuleFile(call.options));
      return undefined;
    case "write":
      return write(hosted, call);
    case "all":
      return (await fileOf(hosted, call.file).all(call.sql, call.params)).map(exactValues);
    case "transact":
      return fileOf(hosted, call.file).transact((tx) => serveTransaction(hosted, call.id, tx));
    case "sweep":
      return fileOf(hosted, call.file).sweepInbox(call.beforeMs);
    case "backup":
      return fileOf(hosted, call.file).backup(call.path);
    case "doctor":
      return fileOf(hosted, call.file).doctor?.();
    case "close": {
      const file = hosted.files.get(call.file);
      hosted.files.delete(call.file);
      return file?.close();
    }
  }
}

async function write(hosted: Hosted, { id, parts, others, isCancellable }: Call & { op: "write" }): Promise<readonly BatchOutcome[]> {
  const first = parts[0]?.request;
  const objection = first && (await objectionIn(hosted, first, others));
  if (objection !== undefined) return parts.map(() => objection);
  const controller = isCancellable ? new AbortController() : undefined;
  if (controller !== undefined) hosted.cancels.set(id, controller);
  try {
    const options = controller === undefined ? {} : { signal: controller.signal };
    return await Promise.all(parts.map(({ file, request }) => fileOf(hosted, file).write(revive(hosted, request), options)));
  } finally {
    hosted.cancels.delete(id);
  }
}

async function objectionIn(hosted: Hosted, request: PlainWrite, others: readonly number[]): Promise<Objection | undefined> {
  const { projectId, idempotencyKey } = request;
  if (idempotencyKey === undefined) return undefined;
  const rows: SqlRow[] = [];
  for (const other of others) {
    const found = inboxRow(fileOf(hosted, other), [projectId, idempotencyKey]);
    // Most answers are there at once; waiting for each would cost as much as the question.
    const row = found instanceof Promise ? await found : found;
    if (row !== undefined) rows.push(row);
  }
  return objectionOf(rows, request);
}

function inboxRow(file: ModuleFile, key: readonly SqlValue[]): SqlRow | undefined | Promise<SqlRow | undefined> {
  try {
    if (file.driver !== undefined) return file.driver.prepare(INBOX_SELECT).get(key);
  } catch (error) {
    if (!isCuittyError(error, "busy")) throw error;
  }
  // Locked for the moment: this way waits for it.
  return file.all(INBOX_SELECT, key).then(([row]) => row);
}

function revive(hosted: Hosted, { procedure, ...request }: PlainWrite): IngestWrite {
  if (procedure === undefined) return request;
  const known = hosted.procedures.get(procedure.name);
  if (known === undefined) throw new CuittyError("internal", `the storage thread does not know the procedure ${procedure.name}`);
  return { ...request, interactive: { procedure: known, args: procedure.args } };
}

/** Does what the body asks for until it ends. The thread waits meanwhile, so nothing else sees the open transaction. */
function serveTransaction({ bridge, say }: Hosted, id: number, tx: WriteTransaction): void {
  say({ granted: id });
  for (;;) {
    const command = bridge.receive() as TransactionCommand;
    if (command.op === "commit") return;
    if (command.op === "abort") throw new CuittyError("aborted", "the body of the transaction threw");
    bridge.send(execute(tx, command));
  }
}

function execute(tx: WriteTransaction, command: Exclude<TransactionCommand, { op: "commit" | "abort" }>): TransactionAnswer {
  try {
    if (command.op === "insert") return { value: tx.insert(command.insert) };
    if (command.op === "run") return { value: tx.run(command.sql, command.params) };
    return { value: tx.all(command.sql, command.params).map(exactValues) };
  } catch (error) {
    return { error: toPlainError(error) };
  }
}
