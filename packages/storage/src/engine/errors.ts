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
  10: "check the disk and the room on it, and whether the file is still where it was",
  11: "the file is damaged: look with doctor(), or restore a backup",
  13: "free some space and try again",
  14: "check that its folder is there and that this process may write in it",
  26: "another program made or changed it: name another path, or restore a backup",
};

/** Whole messages as SQLite and the bindings write them: a text that merely holds such words is a user's, from RAISE or a name. */
const byText: readonly (readonly [RegExp, number])[] = [
  [/^(?:(?:UNIQUE|PRIMARY KEY|NOT NULL|CHECK|FOREIGN KEY) )?constraint failed(?:: |$)/, 19],
  [/^cannot store \w+ value in \w+ column /, 19],
  [/^datatype mismatch$/, 20],
  [/^database(?: table| schema)? is locked$|^database (?:table|schema) is locked: |^cannot [\w ]+ - SQL statements in progress$/, 5],
  [/^attempt to write a readonly database$/, 8],
  [/^database or disk is full$/, 13],
  [/^disk I\/O error$/, 10],
  [/^unable to open database(?: file)?(?:$|: )|^ConnectionFailed\("Unable to open connection to local database .*: 14"\)$/s, 14],
  [/^database disk image is malformed$|^malformed database schema \(/, 11],
  [/^file is not a database$/, 26],
];

/** What the bindings themselves say to a call after close. */
const closedText = /^(?:Database is closed|transaction already finished|The database connection is not open)$/;

/** The words of SQLite, without what Honker's binding puts before some of them. */
const wordsOf = (message: string): string => message.replace(/^Database error: /, "");

/** The primary result code that a message tells; undefined for every message that may be anybody's. */
export const codeOfText = (message: string): number | undefined => byText.find(([pattern]) => pattern.test(wordsOf(message)))?.[1];

const kindByText: readonly (readonly [RegExp, ConstraintKind])[] = [
  [/^UNIQUE constraint failed/, "unique"],
  [/^PRIMARY KEY constraint failed/, "primary_key"],
  [/^NOT NULL constraint failed/, "not_null"],
  [/^CHECK constraint failed/, "check"],
  // Its code is that of a trigger where the rule is RESTRICT.
  [/^FOREIGN KEY constraint failed$/, "foreign_key"],
  [/^datatype mismatch$|^cannot store \w+ value in \w+ column /, "datatype"],
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
  if (typeof native?.rawCode !== "number" && closedText.test(wordsOf(message))) return closedError(path, error);
  const rawCode = typeof native?.rawCode === "number" ? native.rawCode : undefined;
  const primary = rawCode === undefined || rawCode === 1 ? (codeOfText(message) ?? rawCode) : rawCode & 0xff;
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
