// Errors of adapters: those that are typed pass as they are, anything else, `undefined` too, becomes the cause of one.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";

export function asWriteError(error: unknown): unknown {
  if (isTyped(error)) return error;
  return new CuittyError(
    "write_failed",
    "the adapter could not write; see `cause`. Nothing of this write can be relied on, it may be tried again",
    { retryable: true, cause: error },
  );
}

export function asReadError(error: unknown): unknown {
  if (isTyped(error)) return error;
  return new CuittyError("read_failed", "the adapter could not read; see `cause`. Nothing was changed, it may be tried again", {
    retryable: true,
    cause: error,
  });
}

function isTyped(error: unknown): boolean {
  return typeof (error as { code?: unknown } | null | undefined)?.code === "string" && (error as Error).name === "CuittyError";
}
