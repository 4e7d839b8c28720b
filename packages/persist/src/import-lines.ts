// The lines of an export, out of whatever its text comes in.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Line } from "./transfer-format.ts";

/** What an export may be read from, in pieces of any size. */
export type ImportSource =
  | string
  | Uint8Array
  | AsyncIterable<string | Uint8Array>
  | Iterable<string | Uint8Array>
  | ReadableStream<Uint8Array>;

const byteOrderMark = "\ufeff";
/** Far more than the largest value takes, every character of it escaped: what goes on without a line feed is no export, and would fill the memory. Units: UTF-16 units. */
const maxLineChars = 64 * 1024 * 1024;

export interface Numbered {
  readonly line: Line;
  readonly number: number;
}

/** Objects of the lines that are not blank. A source that is not read to its end is given back: a stream is cancelled, an iterator returned. */
export async function* numberedLines(source: ImportSource): AsyncGenerator<Numbered> {
  const at = { line: 0 };
  for await (const text of textLines(source, at)) {
    if (text === "") continue;
    at.line++;
    let line: unknown;
    try {
      line = JSON.parse(text);
    } catch (cause) {
      throw badLine(at.line, "it is not JSON", cause);
    }
    if (typeof line !== "object" || line === null) throw badLine(at.line, "it is not an object");
    yield { line: line as Line, number: at.line };
  }
}

async function* textLines(source: ImportSource, at: { readonly line: number }): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decode = (part?: Uint8Array) => {
    try {
      return decoder.decode(part, { stream: part !== undefined });
    } catch (cause) {
      throw badLine(at.line + 1, "it is not UTF-8", cause);
    }
  };
  // Parts of a line wait to be joined at once: a long line may come in very many.
  let waiting: string[] = [];
  let waitingChars = 0;
  let isFirst = true;
  const wait = (part: string) => {
    waitingChars += part.length;
    if (waitingChars > maxLineChars) throw badLine(at.line + 1, "it is longer than any line of an export");
    waiting.push(part);
  };
  const join = (): string => {
    const line = waiting.join("");
    waiting = [];
    waitingChars = 0;
    return line;
  };
  for await (const part of partsOf(source)) {
    if (typeof part !== "string" && !(part instanceof Uint8Array)) throw notSource();
    let text = typeof part === "string" ? part : decode(part);
    if (text === "") continue;
    // As decoding bytes does.
    if (isFirst && text.startsWith(byteOrderMark)) text = text.slice(1);
    isFirst = false;
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      wait(text.slice(start, end));
      start = end + 1;
      const line = join();
      yield line.endsWith("\r") ? line.slice(0, -1) : line;
    }
    if (start < text.length) wait(text.slice(start));
  }
  wait(decode());
  const rest = join();
  if (rest !== "") yield rest;
}

function partsOf(source: ImportSource): AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array> {
  if (typeof source === "string" || source instanceof Uint8Array) return [source];
  // First, since some browsers have no iterator of a stream.
  if (typeof (source as ReadableStream | undefined | null)?.getReader === "function")
    return streamedParts(source as ReadableStream<Uint8Array>);
  if (typeof source !== "object" || source === null || !(Symbol.asyncIterator in source || Symbol.iterator in source)) throw notSource();
  return source as AsyncIterable<string | Uint8Array>;
}

async function* streamedParts(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (stream.locked) throw new CuittyError("invalid_option", "the stream to import is read by somebody else already");
  const reader = stream.getReader();
  let isDone = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      isDone = done;
      if (done) return;
      yield value;
    }
  } finally {
    if (!isDone) await reader.cancel();
    reader.releaseLock();
  }
}

function notSource(): CuittyError {
  return new CuittyError("invalid_option", "import takes the text of an export, or a stream or an iterable of its text or bytes");
}

export function badLine(number: number, why: string, cause?: unknown): CuittyError {
  return new CuittyError("import_invalid", `line ${number} cannot be imported: ${why}`, {
    details: { line: number },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The line that is missing is named. */
export function cutAt(number: number, message: string): CuittyError {
  return new CuittyError("import_invalid", message, { details: { line: number } });
}
