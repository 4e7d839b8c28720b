// One process owns a data folder. The claim is a lock of the operating system on a small SQLite file, so it ends with its process, however that ends.
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { placeOf } from "../file/place.ts";
import type { Driver } from "./driver.ts";
import { makeFolder, realPathOf } from "./file-path.ts";
import { openLibsql } from "./open-driver.ts";
import { refuseUnknown, requireNumber } from "./options.ts";
import { retryBusy } from "./retry-busy.ts";

/** Who owns a folder, as it wrote itself. */
export interface OwnerInfo {
  readonly pid: number;
  readonly host: string;
  /** ISO times. */
  readonly startedAt: string;
  readonly heartbeatAt: string;
}

export interface OwnerLeaseOptions {
  /** How long to wait for an owner that is about to end, such as the previous version during a deploy. Units: ms. @default 0 */
  readonly waitMs?: number | undefined;
  /** How often the owner writes that it is alive, for people to read; the lock does not depend on it. Units: ms. @default 5000 */
  readonly heartbeatMs?: number | undefined;
}

export interface OwnerLease {
  readonly dir: string;
  readonly owner: OwnerInfo;
  /** False when the lock's file was moved, deleted or replaced: another process may own the folder by now. */
  isKept(): boolean;
  /** Gives the folder back. Idempotent. */
  release(): void;
}

/** A timer takes no more; a longer one would run at once. Units: ms. */
const longestTimerMs = 2 ** 31 - 1;

const lockName = ".cuitty-owner.db";
const infoName = ".cuitty-owner.json";
const slot = Symbol.for("cuitty.storage.owners");

/** Held leases by folder. A lease that its holder forgot must not be garbage-collected: the lock would silently end. */
function heldLeases(): Set<string> {
  const holder = globalThis as { [slot]?: Set<string> };
  holder[slot] ??= new Set();
  return holder[slot];
}

/**
 * Makes this process the owner of `dir` (made if missing, mode 0700). A dead owner's claim has ended with it; a stopped one's has not.
 * Errors: `data_dir_in_use` naming the owner's pid, host and start; `readonly`, `io`, `invalid_option`, `unknown_option`.
 */
export async function acquireOwnerLease(dir: string, options: OwnerLeaseOptions = {}): Promise<OwnerLease> {
  const { waitMs = 0, heartbeatMs = 5_000 } = options;
  checkOptions(dir, options, { waitMs, heartbeatMs });
  makeFolder(dir);
  const folder = realPathOf(dir);
  try {
    return await retryBusy(() => acquire(folder, heartbeatMs), waitMs);
  } catch (error) {
    throw isCuittyError(error, "busy") ? inUse(folder, error) : error;
  }
}

function checkOptions(dir: unknown, options: OwnerLeaseOptions, { waitMs, heartbeatMs }: Required<OwnerLeaseOptions>): void {
  if (typeof dir !== "string" || dir === "" || dir.includes("\0")) {
    throw new CuittyError("invalid_option", `dir: expected the path of a folder, got ${dir === "" ? "an empty text" : typeof dir}`);
  }
  refuseUnknown("acquireOwnerLease", options, ["waitMs", "heartbeatMs"]);
  requireNumber("waitMs", waitMs);
  requireNumber("heartbeatMs", heartbeatMs, 1);
}

function acquire(folder: string, heartbeatMs: number): OwnerLease {
  if (heldLeases().has(folder)) throw new CuittyError("busy", "held by this thread", { retryable: true });
  const driver = openLibsql(join(folder, lockName), { busyTimeoutMs: 0 });
  try {
    driver.exec("BEGIN IMMEDIATE");
  } catch (error) {
    driver.close();
    throw error;
  }
  heldLeases().add(folder);
  return createLease(folder, driver, heartbeatMs);
}

function createLease(folder: string, driver: Driver, heartbeatMs: number): OwnerLease {
  const startedAt = new Date(Date.now() - process.uptime() * 1_000).toISOString();
  const owner = (): OwnerInfo => ({ pid: process.pid, host: hostname(), startedAt, heartbeatAt: new Date().toISOString() });
  const first = owner();
  let isWritten = writeInfo(folder, first, true);
  const beat = () => {
    isWritten = writeInfo(folder, owner(), isWritten);
  };
  const timer = setInterval(beat, Math.min(heartbeatMs, longestTimerMs));
  timer.unref();
  let isHeld = true;
  const place = placeOf(join(folder, lockName));
  return {
    dir: folder,
    owner: first,
    isKept: () => isHeld && place.isKept(),
    release() {
      if (!isHeld) return;
      isHeld = false;
      clearInterval(timer);
      heldLeases().delete(folder);
      rmSync(join(folder, infoName), { force: true });
      driver.close();
    },
  };
}

/** By rename, so that a reader never sees half of it. A heartbeat that cannot be written (full disk) does no harm, and is told only after one that could. */
function writeInfo(folder: string, info: OwnerInfo, wasWritten: boolean): boolean {
  const partial = join(folder, `${infoName}.${process.pid}`);
  try {
    writeFileSync(partial, `${JSON.stringify(info)}\n`, { mode: 0o600 });
    renameSync(partial, join(folder, infoName));
    return true;
  } catch (error) {
    if (wasWritten) process.emitWarning(`the owner file of ${folder} cannot be written: ${String(error)}`, "CuittyWarning");
    return false;
  }
}

function readInfo(folder: string): OwnerInfo | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, infoName), "utf8")) as OwnerInfo;
  } catch {
    // reason: the owner has the lock and has not written who it is yet, or could not
    return undefined;
  }
}

function inUse(folder: string, cause: unknown): CuittyError {
  const owner = readInfo(folder);
  const who =
    owner === undefined
      ? "another process"
      : `process ${owner.pid} on ${owner.host}, started ${owner.startedAt}${owner.pid === process.pid ? " (this process)" : ""}`;
  return new CuittyError("data_dir_in_use", `${folder} is in use by ${who}; stop it first, or choose another data folder`, {
    retryable: true,
    details: { dir: folder, ...(owner ?? {}) },
    cause,
  });
}
