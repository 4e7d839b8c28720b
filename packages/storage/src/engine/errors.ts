// Turns what an engine throws into CuittyErrors: SQLite's result code where the binding tells it, its message text where it does not.
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";

/** Which rule a row broke. */
export type ConstraintKind = "unique" | "primary_key" | "not_null" | "check" | "foreign_key" | "trigger" | "datatype" | "other";

interface NativeError {
  readonly message: string;
  readonly code?: unknown;
  readonly rawCode?: unknown;
}

/** Primary result codes of sqlite3.h. */
const codes: Readonly<Record<number, { code: string; retryable: boolean }>> = {
  5: { code: "busy", retryable: true },
  6: { code: "busy", retryable: true },
  8: { code: "readonly", retryable: true },
  10: { code: "io", retryable: true },
  11: { code: "corrupt", retryable: false },
  13: { code: "full", retryable: true },
  14: { code: "io", retryable: true },
  19: { code: "constraint", retryable: false },
  20: { code: "constraint", retryable: false },
  26: { code: "corrupt", retryable: false },
};

/** What to do about a fault of the file itself, by primary result code. */
const advice: Readonly<Record<number, string>> = {
  8: "check the permissions of the file and its folder",
  10: "check the disk, and whether the file is still where it was",
  11: "the file is damaged: look with doctor(), or restore a backup",
  13: "free some space and try again",
  14: "check that its folder is there and that this process may write in it",
  26: "another program made or changed it: name another path, or restore a backup",
};

const byText: readonly (readonly [RegExp, number])[] = [
  [/constraint failed/i, 19],
  [/datatype mismatch/i, 20],
  [/database( table| schema)? is locked|statements in progress/i, 5],
  [/readonly database/i, 8],
  [/database or disk is full/i, 13],
  [/disk i\/o error/i, 10],
  [/unable to open/i, 14],
  [/disk image is malformed/i, 11],
  [/file is not a database/i, 26],
];

const kindByText: readonly (readonly [RegExp, ConstraintKind])[] = [
  [/^UNIQUE constraint failed/i, "unique"],
  [/^PRIMARY KEY constraint failed/i, "primary_key"],
  [/^NOT NULL constraint failed/i, "not_null"],
  [/^CHECK constraint failed/i, "check"],
  [/^FOREIGN KEY constraint failed/i, "foreign_key"],
  [/datatype mismatch|cannot store \w+ value/i, "datatype"],
];
const kindByCode: Readonly<Record<number, ConstraintKind>> = {
  275: "check",
  787: "foreign_key",
  1299: "not_null",
  1555: "primary_key",
  1811: "trigger",
  2067: "unique",
  2579: "primary_key",
  3091: "datatype",
};

/** `t.a, t.b` after the colon; a CHECK names an expression and an expression index its name, which are no columns. */
function brokenColumns(message: string): { table?: string; columns?: string[] } {
  const list = /^(?:UNIQUE|NOT NULL|PRIMARY KEY) constraint failed: ([^']+)$/i.exec(message)?.[1];
  if (list === undefined) return {};
  const names = list.split(", ").map((name) => name.trim());
  const dot = names[0]!.indexOf(".");
  if (dot === -1) return {};
  return { table: names[0]!.slice(0, dot), columns: names.map((name) => name.slice(name.indexOf(".") + 1)) };
}

function constraintDetails(message: string, rawCode: number | undefined): Record<string, unknown> {
  const kind = kindByText.find(([pattern]) => pattern.test(message))?.[1] ?? kindByCode[rawCode ?? 0] ?? "other";
  const details: Record<string, unknown> = { kind: rawCode === 1555 || rawCode === 2579 ? "primary_key" : kind, ...brokenColumns(message) };
  if (kind === "check") details.check = message.slice(message.indexOf(":") + 1).trim();
  return details;
}

/** The error of an engine as a CuittyError; one that is one already passes through. Errors: `constraint`, `busy`, `full`, `readonly`, `io`, `corrupt`, `closed`, `sql`. */
export function storageError(error: unknown, path: string): CuittyError {
  if (isCuittyError(error)) return error;
  const native = error as NativeError;
  const message = typeof native?.message === "string" ? native.message : String(error);
  if (/not open|is closed/i.test(message) && typeof native.rawCode !== "number") return closedError(path, error);
  const rawCode = typeof native.rawCode === "number" ? native.rawCode : undefined;
  const primary =
    rawCode === undefined || rawCode === 1 ? (byText.find(([pattern]) => pattern.test(message))?.[1] ?? rawCode) : rawCode & 0xff;
  const known = codes[primary ?? 1];
  const details: Record<string, unknown> = { path, ...(primary === 19 || primary === 20 ? constraintDetails(message, rawCode) : {}) };
  if (rawCode !== undefined) details.sqliteCode = rawCode;
  const told = primary !== undefined && primary in advice ? `${path}: ${message}; ${advice[primary]}` : message;
  return new CuittyError(known?.code ?? "sql", told, { retryable: known?.retryable ?? false, details, cause: error });
}

/** The error of every call after close. */
export function closedError(path: string, cause?: unknown): CuittyError {
  return new CuittyError("closed", `the database is closed; open it again to use it`, { details: { path }, cause });
}
