// Health: one word for load balancers, details for those who hold a key.
import { statfs } from "node:fs/promises";
import type { ModuleRegistry } from "./modules.ts";

export interface FileHealth {
  readonly name: string;
  readonly isHealthy: boolean;
  /** Code of the failure. */
  readonly problem?: string;
}

export interface HealthReport {
  readonly status: "ok" | "unavailable";
  readonly files: readonly FileHealth[];
  readonly bus: string;
}

export interface HealthPorts {
  readonly modules: ModuleRegistry;
  /** Reads system.db; throws when it cannot. */
  readonly readSystem: () => void;
  /** Whether a file, by its name, was found damaged. */
  readonly isDamaged: (name: string) => boolean;
  readonly busName: string;
  readonly isClosing: () => boolean;
}

/** Reads every file, and tells of damage that requests have met: a read of one row finds little of it. */
export async function checkHealth({ modules, readSystem, isDamaged, busName, isClosing }: HealthPorts): Promise<HealthReport> {
  const checks = [
    checkFile("system", async () => readSystem()),
    ...modules.all.map(({ definition, file }) => checkFile(definition.name, () => file.all("SELECT 1"))),
  ];
  const files = (await Promise.all(checks)).map((file) =>
    file.isHealthy && isDamaged(file.name) ? { ...file, isHealthy: false, problem: "corrupt" } : file,
  );
  return { status: !isClosing() && files.every(({ isHealthy }) => isHealthy) ? "ok" : "unavailable", files, bus: busName };
}

async function checkFile(name: string, read: () => Promise<unknown>): Promise<FileHealth> {
  try {
    await read();
    return { name, isHealthy: true };
  } catch (error) {
    return { name, isHealthy: false, problem: (error as { code?: string }).code ?? "unknown" };
  }
}

export interface DiskGuard {
  /** True while there is room; measured every few seconds, not per request. */
  hasRoom(): boolean;
  measure(): Promise<void>;
  close(): void;
}

export interface DiskGuardOptions {
  readonly dataDir: string;
  /** Units: bytes. */
  readonly minFreeBytes: number;
  readonly maxDataBytes: number;
  /** Size of all files together. Units: bytes. */
  readonly dataBytes: () => Promise<number>;
  /** Told after each measurement. */
  readonly onRoom?: ((hasRoom: boolean) => void) | undefined;
}

const measureEveryMs = 5_000;

/** Watches free space, so that batches are refused before SQLite meets a full disk. */
export function createDiskGuard(options: DiskGuardOptions): DiskGuard {
  let hasRoom = true;
  async function measure(): Promise<void> {
    try {
      const { bavail, bsize } = await statfs(options.dataDir);
      const isFree = bavail * bsize >= options.minFreeBytes;
      hasRoom = isFree && (options.maxDataBytes === Number.POSITIVE_INFINITY || (await options.dataBytes()) <= options.maxDataBytes);
    } catch {
      // A file system that cannot tell is no reason to refuse; SQLite itself still answers with `full`.
      hasRoom = true;
    }
    options.onRoom?.(hasRoom);
  }
  const timer = setInterval(measure, measureEveryMs);
  timer.unref?.();
  return { hasRoom: () => hasRoom, measure, close: () => clearInterval(timer) };
}
