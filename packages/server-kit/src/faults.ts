// Faults on their way to the app's `onFault`: each once where it comes with every request, and files found damaged remembered for the health report.
import { basename } from "node:path";
import { isCuittyError } from "@cuitty/wire-protocol";
import type { KitFault, KitOptions } from "./options.ts";

export interface Faults {
  tell(fault: KitFault): void;
  /** A disk that is full, or has room again. */
  tellRoom(hasRoom: boolean): void;
  /** Whether a request has found the file of that name damaged since the kit was opened. */
  isDamaged(name: string): boolean;
}

/** The disk or the file system failed, not the kit: clients are told to come back, and somebody has to look after it. Each is told once a minute. */
const operational: ReadonlySet<string> = new Set(["io", "full", "readonly"]);
const quietMs = 60_000;

export function isOperational(error: unknown): boolean {
  return isCuittyError(error) && operational.has(error.code);
}

/** The app's handler, or ours. A handler that fails tells its fault to standard error: thrown on, it would be awaited by nobody, and end the host's process. */
export function faultHandler(onFault: KitOptions["onFault"] = reportFault): (fault: KitFault) => void {
  return (fault) => {
    try {
      // One may be async without saying so.
      Promise.resolve(onFault(fault)).catch(() => reportFault(fault));
    } catch {
      reportFault(fault);
    }
  };
}

const maxLineCharacters = 2_000;

/** One line, with the code where there is one; a stack would show paths and values. What was thrown may be anything, and its text a stranger's. */
function reportFault({ source, error, requestId }: KitFault): void {
  let line = `cuitty: ${source} failed`;
  try {
    const { code = "error", message = String(error) } = (error ?? {}) as { code?: string; message?: string };
    line += ` (${code}): ${message}`;
  } catch {
    // reason: it has no text, or none that can be read
  }
  // No line breaks that would pass for other lines, and no escapes that a terminal would act on.
  const shown = line.slice(0, maxLineCharacters).replace(/\p{Cc}/gu, " ");
  process.stderr.write(`${shown}${requestId === undefined ? "" : ` [request ${requestId}]`}\n`);
}

export function createFaults(onFault: (fault: KitFault) => void, diskFull: () => Error): Faults {
  const toldAtMs = new Map<string, number>();
  const damaged = new Set<string>();
  let hadRoom = true;

  return {
    tell(fault) {
      const { error } = fault;
      if (isCuittyError(error, "corrupt")) damaged.add(basename(String(error.details?.path ?? ""), ".db"));
      if (isOperational(error)) {
        const { code, details } = error as { code: string; details?: Readonly<Record<string, unknown>> };
        const name = `${code} ${String(details?.path ?? "")}`;
        if (performance.now() - (toldAtMs.get(name) ?? Number.NEGATIVE_INFINITY) < quietMs) return;
        toldAtMs.set(name, performance.now());
      }
      onFault(fault);
    },
    tellRoom(hasRoom) {
      if (hadRoom && !hasRoom) onFault({ source: "disk", error: diskFull() });
      hadRoom = hasRoom;
    },
    isDamaged: (name) => damaged.has(name),
  };
}
