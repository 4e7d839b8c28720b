// The native Honker binding: loading it, and saying clearly why it cannot be loaded.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { loadNative, locateNative } from "./native-module.ts";

export type HonkerRow = Record<string, unknown>;

/** Names and shapes of version 0.5.1. */
export interface HonkerTransaction {
  execute(sql: string, params?: unknown[]): number;
  query(sql: string, params?: unknown[]): HonkerRow[];
  rollback(): void;
}

export interface HonkerUpdateEvents {
  /** Resolves after a commit of any process; several are one. Rejects when closed. */
  next(): Promise<unknown>;
  close(): void;
}

export interface HonkerDatabase {
  transaction(): HonkerTransaction;
  query(sql: string, params?: unknown[]): HonkerRow[];
  updateEvents(): HonkerUpdateEvents;
  close(): void;
}

export interface HonkerBinding {
  open(path: string, maxReaders?: number): HonkerDatabase;
}

/** The binding's package, by platform. Others follow upstream. */
const packages: Readonly<Record<string, string>> = { "linux-x64": "@russellthehippo/honker-node-linux-x64-gnu" };

function packageName(): string | undefined {
  return packages[`${process.platform}-${process.arch}`];
}

function glibcVersion(): string {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return report?.header?.glibcVersionRuntime ?? "none";
}

/** What identifies the library for the registry: its folder. All copies share the system's libsqlite3, so any two of them are one library. */
export const honkerLibrary = "libsqlite3";

/** Whether the binding is installed here; it may still fail to load. */
export function isHonkerInstalled(): boolean {
  const name = packageName();
  return name !== undefined && locateNative(name) !== undefined;
}

/** Loads the binding. Errors: `engine_unavailable` naming platform, glibc and libsqlite3. */
export function loadHonker(): HonkerBinding {
  const name = packageName();
  const platform = `${process.platform}-${process.arch}`;
  const facts = { platform, glibc: glibcVersion(), needs: "glibc >= 2.34 and libsqlite3.so.0 (Debian, Ubuntu: libsqlite3-0)" };
  if (name === undefined) {
    throw new CuittyError(
      "engine_unavailable",
      `the honker engine has no build for ${platform}; open the file with { engine: "libsql" } or "auto"`,
      {
        details: facts,
      },
    );
  }
  try {
    return loadNative<HonkerBinding>(name);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new CuittyError(
      "engine_unavailable",
      `the honker engine cannot be loaded on ${platform} with glibc ${facts.glibc}: ${reason}. It needs the package ${name}, ${facts.needs}; or open the file with { engine: "libsql" } or "auto"`,
      { details: facts, cause },
    );
  }
}
