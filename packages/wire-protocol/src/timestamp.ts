// RFC 3339 timestamps, read strictly by the RFC's own grammar and written in UTC with milliseconds.

/** A moment: `ts` is `YYYY-MM-DDTHH:MM:SS.sssZ`, `tsMs` the same in Unix ms. */
export interface Timestamp {
  readonly ts: string;
  readonly tsMs: number;
}

const zero = 48;
const dash = 45;
const colon = 58;
const dot = 46;
const plus = 43;

const daysInMonth = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;
/** 0000-01-01T00:00:00Z and 9999-12-31T23:59:59.999Z: what four digits of year can say. */
const earliestMs = -62_167_219_200_000;
const latestMs = 253_402_300_799_999;

/**
 * Reads an RFC 3339 `date-time` with any offset; `T` and `Z` may be lower case, digits after the third decimal are cut off.
 * A leap second (23:59:60 UTC on the last day of a month) reads as second 59, as in ECMAScript Temporal.
 * **Shape**: text → timestamp, or null for anything else: dates alone, missing offsets, spaces, 24:00, 30 February.
 * **Source**: RFC 3339 section 5.6 and 5.7.
 */
export function parseTimestamp(text: string): Timestamp | null {
  const length = text.length;
  if (length < 20 || length > 64 || !hasDateShape(text)) return null;
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  // A field with a character that is not a digit reads as NaN, and no comparison with NaN is true.
  if (!(year >= 0 && month >= 1 && month <= 12 && day >= 1 && day <= lengthOfMonth(year, month))) return null;
  if (!(hour <= 23 && minute <= 59 && second <= 60)) return null;
  const fractionEnd = text.charCodeAt(19) === dot ? endOfDigits(text, 20) : 19;
  if (fractionEnd === 20) return null;
  const offset = offsetMinutes(text, fractionEnd);
  if (Number.isNaN(offset)) return null;
  const days = daysFromEpoch(year, month, day);
  const utcMinutes = days * 1440 + hour * 60 + minute - offset;
  if (second === 60 && !isEndOfMonth(utcMinutes)) return null;
  const tsMs = utcMinutes * 60_000 + Math.min(second, 59) * 1000 + milliseconds(text, fractionEnd);
  if (tsMs < earliestMs || tsMs > latestMs) return null;
  return { ts: canonical(text, tsMs, second), tsMs };
}

function hasDateShape(text: string): boolean {
  const separator = text.charCodeAt(10) | 32;
  return (
    text.charCodeAt(4) === dash &&
    text.charCodeAt(7) === dash &&
    separator === 116 &&
    text.charCodeAt(13) === colon &&
    text.charCodeAt(16) === colon
  );
}

/** Value of the two ASCII digits at `index`, NaN if they are not digits. */
function twoDigits(text: string, index: number): number {
  const tens = text.charCodeAt(index) - zero;
  const ones = text.charCodeAt(index + 1) - zero;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

function endOfDigits(text: string, start: number): number {
  let index = start;
  while (index < text.length && text.charCodeAt(index) >= zero && text.charCodeAt(index) <= zero + 9) index += 1;
  return index;
}

function milliseconds(text: string, fractionEnd: number): number {
  let value = 0;
  for (let index = 20; index < 23; index += 1) value = value * 10 + (index < fractionEnd ? text.charCodeAt(index) - zero : 0);
  return value;
}

/** Minutes east of UTC; NaN unless the rest of the text is exactly one offset. `-00:00` is UTC (RFC 3339 section 4.3). */
function offsetMinutes(text: string, index: number): number {
  const sign = text.charCodeAt(index);
  if ((sign | 32) === 122) return index + 1 === text.length ? 0 : Number.NaN;
  if ((sign !== plus && sign !== dash) || index + 6 !== text.length || text.charCodeAt(index + 3) !== colon) return Number.NaN;
  const hours = twoDigits(text, index + 1);
  const minutes = twoDigits(text, index + 4);
  if (!(hours <= 23 && minutes <= 59)) return Number.NaN;
  return (hours * 60 + minutes) * (sign === dash ? -1 : 1);
}

function lengthOfMonth(year: number, month: number): number {
  if (month !== 2) return daysInMonth[month - 1] ?? 0;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

/** Days from 1970-01-01 in the proleptic Gregorian calendar; years below 100 are those years, unlike in `Date.UTC`. Source: Hinnant, days_from_civil. */
function daysFromEpoch(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** Whether this is the last minute of a UTC month, the only one that can have a leap second. */
function isEndOfMonth(utcMinutes: number): boolean {
  const next = new Date((utcMinutes + 1) * 60_000);
  return next.getUTCDate() === 1 && next.getUTCHours() === 0 && next.getUTCMinutes() === 0;
}

/** Most senders write UTC with or without milliseconds: their text is kept, as formatting a date costs more than all of the above. */
function canonical(text: string, tsMs: number, second: number): string {
  if (second !== 60 && text.charCodeAt(10) === 84) {
    if (text.length === 24 && text.charCodeAt(23) === 90) return text;
    if (text.length === 20 && text.charCodeAt(19) === 90) return `${text.slice(0, 19)}.000Z`;
  }
  return new Date(tsMs).toISOString();
}
