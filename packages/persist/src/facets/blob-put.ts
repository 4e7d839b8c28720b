// What `blobs.put` can be told.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { UploadOptions } from "./blob-upload.ts";
import { checkFunction, checkOptionsObject } from "./check.ts";

export interface BlobPutOptions extends UploadOptions {
  readonly contentType?: string | undefined;
  /** JSON of the app's own. */
  readonly metadata?: unknown;
}

const putOptions = ["contentType", "metadata", "onProgress", "resume", "from", "signal"] as const;

/** Errors: `invalid_option`. */
export function checkPut(options: BlobPutOptions): void {
  checkOptionsObject(options, "blobs.put", putOptions);
  const { contentType, onProgress, resume, from, signal } = options;
  if (contentType !== undefined && typeof contentType !== "string") throw invalid(`contentType must be text, got ${typeof contentType}`);
  if (onProgress !== undefined) checkFunction(onProgress, "onProgress");
  if (resume !== undefined && typeof resume !== "boolean") throw invalid(`resume must be true or false, got ${typeof resume}`);
  if (from !== undefined && !(Number.isSafeInteger(from) && from >= 0))
    throw invalid(`from must be a number of bytes, got ${String(from)}`);
  if (from && !resume) throw invalid("from goes on with an interrupted upload: it needs resume: true");
  if (signal !== undefined && typeof signal?.throwIfAborted !== "function") throw invalid("signal must be an AbortSignal");
}

function invalid(message: string): CuittyError {
  return new CuittyError("invalid_option", message);
}
