// What a storage thread and the thread that uses it say to each other. Everything here is cloned on its way.
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { SqlRow, SqlValue } from "../../engine/driver.ts";
import type { IngestWrite, ModuleFileOptions, ModuleFileStats } from "../types.ts";

/** A request whose interactive part is a procedure that the thread knows. */
export type PlainWrite = Omit<IngestWrite, "interactive"> & { readonly procedure?: { readonly name: string; readonly args: unknown } };

export interface PlainPart {
  readonly file: number;
  readonly request: PlainWrite;
}

/** `file` is the number that the user of the thread gave a file when it was opened. */
export type ThreadCall =
  | { readonly op: "open"; readonly file: number; readonly options: ModuleFileOptions }
  | {
      readonly op: "write";
      readonly parts: readonly PlainPart[];
      /** Files whose inbox must not have the key with another body or note. */
      readonly others: readonly number[];
      readonly isCancellable: boolean;
    }
  | { readonly op: "all"; readonly file: number; readonly sql: string; readonly params: readonly SqlValue[] }
  | { readonly op: "transact"; readonly file: number }
  | { readonly op: "sweep"; readonly file: number; readonly beforeMs: number }
  | { readonly op: "backup"; readonly file: number; readonly path: string }
  | { readonly op: "doctor"; readonly file: number }
  | { readonly op: "close"; readonly file: number };

/** `cancel` stops the write of that id from waiting; it has no answer of its own. */
export type ThreadRequest = (ThreadCall & { readonly id: number }) | { readonly op: "cancel"; readonly id: number };

export interface ThreadAnswer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: PlainError;
}

/** From the thread: its first words, answers with the counts of the files they are about, or that a transaction's body may run now. */
export type ThreadMessage =
  | { readonly ready: readonly string[] }
  | { readonly answers: readonly ThreadAnswer[]; readonly stats: readonly (readonly [number, ModuleFileStats])[] }
  | { readonly granted: number };

/** Over the bridge, while a body runs. */
export type TransactionCommand =
  | { readonly op: "all" | "run"; readonly sql: string; readonly params: readonly SqlValue[] | undefined }
  | { readonly op: "insert"; readonly insert: Parameters<import("../types.ts").WriteTransaction["insert"]>[0] }
  | { readonly op: "commit" }
  | { readonly op: "abort" };

export type TransactionAnswer = { readonly value: unknown } | { readonly error: PlainError };

export interface PlainError {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>> | undefined;
}

/** An error as data. The code `error` stands for one that is not the kit's own. */
export function toPlainError(error: unknown): PlainError {
  if (isCuittyError(error)) {
    const { code, message, retryable, details } = error;
    return { code, message, retryable, details };
  }
  return { code: "error", message: error instanceof Error ? error.message : String(error), retryable: false, details: undefined };
}

export function fromPlainError({ code, message, retryable, details }: PlainError): Error {
  if (code === "error") return new Error(message);
  return new CuittyError(code, message, { retryable, ...(details === undefined ? undefined : { details }) });
}

/** A view of a larger buffer travels with the whole of it: such values are copied out first. */
export function exactValues(values: readonly SqlValue[]): readonly SqlValue[] {
  return values.some(isSlice) ? values.map(exactValue) : values;
}

export function exactValue<Value extends SqlValue | undefined>(value: Value): Value {
  return isSlice(value) ? (new Uint8Array(value) as unknown as Value) : value;
}

const isSlice = (value: unknown): value is Uint8Array => value instanceof Uint8Array && value.byteLength !== value.buffer.byteLength;

/** Blobs arrive as plain bytes; rows have Buffers, as those of a file in one's own thread. */
export function withBuffers(rows: SqlRow[]): SqlRow[] {
  for (const row of rows) {
    for (let index = 0; index < row.length; index++) {
      const value = row[index];
      if (value instanceof Uint8Array) row[index] = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    }
  }
  return rows;
}
