// Faults on their way to the app's `onFault`: each once where it comes with every request, and files found damaged remembered for the health report.
import { basename } from "node:path";
import { isCuittyError } from "@cuitty/wire-protocol";
import type { KitFault } from "./options.ts";

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
