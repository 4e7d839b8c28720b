// Text that a damaged file hands out: libSQL ends the whole process on what is not UTF-8, so text is looked at as bytes before it is read as text.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { textIn } from "../crypto/bytes.ts";
import { keyToParameter } from "./key-bytes.ts";
import type { SqliteFile, SqliteValue } from "./sqlite-file.ts";

/** Keys remembered at most. Bytes cost more than twice what text does, so each value is looked at once, not at each read. */
const maxKnown = 16_384;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export interface TextGuard {
  /** Whether this store has written the value of that key, or looked at it, since it was opened. */
  isKnown(key: string): boolean;
  know(key: string): void;
  /** Reads a value that is not known. Errors: `corrupt`. */
  read(key: string): SqliteValue | undefined;
  /** Looks at all text among the values that a query selects. Errors: `corrupt`. */
  check(sql: string, params: readonly SqliteValue[]): void;
}

export function createTextGuard(file: SqliteFile): TextGuard {
  const select = file.prepare("SELECT CAST(value AS BLOB), typeof(value) = 'text' FROM cuitty_rows WHERE key = CAST(? AS BLOB)");
  // Of a store that is made now every value is written here.
  const isNew = file.prepare("SELECT 1 FROM cuitty_rows LIMIT 1").get() === undefined;
  const known = new Set<string>();

  function know(key: string): void {
    if (isNew) return;
    if (known.size >= maxKnown) known.clear();
    known.add(key);
  }

  return {
    isKnown: (key) => isNew || known.has(key),
    know,
    read(key) {
      const row = select.get([keyToParameter(key)]);
      if (!row) return undefined;
      const bytes = row[0] as Uint8Array;
      const value = row[1] === 1 ? strictText(bytes) : bytes;
      know(key);
      return value;
    },
    check(sql, params) {
      if (isNew) return;
      // Bytes of a whole page at once: what costs is each one's own Buffer. The comma keeps halves of two values from making a whole.
      const joined = file.prepare(`SELECT CAST(group_concat(value, ',') AS BLOB) FROM (${sql}) WHERE typeof(value) = 'text'`).get(params);
      if (joined?.[0]) strictText(joined[0] as Uint8Array);
    },
  };
}

/** Stands for what is no UTF-8, in a text that was read without asking. */
const replacement = "\uFFFD";

function strictText(bytes: Uint8Array): string {
  try {
    // A strict decoder takes four times as long, and is only asked where a text may have been mended.
    const text = textIn(bytes, 0, bytes.length);
    return text.includes(replacement) ? decoder.decode(bytes) : text;
  } catch (cause) {
    throw new CuittyError(
      "corrupt",
      "the store's file holds text that is none: it was damaged or changed by another program; restore a backup",
      {
        cause,
      },
    );
  }
}
