// Ranges and patterns that the schemas of columns share.

/** Whole numbers that a JavaScript number holds exactly. */
export const SAFE_INTEGER = { minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER } as const;

/** What SQLite reads as a number, and what it answers for a NUMERIC column. */
export const NUMERIC_PATTERN = "^[+-]?(\\d+(\\.\\d*)?|\\.\\d+)([eE][+-]?\\d+)?$";

/** A whole number as decimal text. */
export const INTEGER_PATTERN = "^-?\\d+$";

/** Base64url without padding. */
export const BASE64URL_PATTERN = "^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2,3})?$";

/** RFC 3339 `date-time` with any offset, and ECMAScript's six-digit years beyond 9999. */
export const DATE_TIME_PATTERN =
  "^(?:\\d{4}|[+-]\\d{6})-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\\d|3[01])[Tt](?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d+)?(?:[Zz]|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)$";
