// Opens a module file wherever it is: a path here, or a libSQL database behind a URL.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { openLocalModuleFile } from "./local-module-file.ts";
import { openRemoteModuleFile } from "./remote-module-file.ts";
import type { ModuleFile, ModuleFileOptions } from "./types.ts";

/**
 * Opens a module file, its migrations applied and its inbox and outbox in place.
 * Errors: those of opening a file, among them `engine_conflict`, `file_kind_mismatch`, `file_newer`, `migration_changed`; `unsupported_location` for a URL of another scheme.
 */
export async function openModuleFile(options: ModuleFileOptions): Promise<ModuleFile> {
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(options.location)?.[1]?.toLowerCase();
  if (scheme === undefined) return openLocalModuleFile(options);
  if (scheme === "libsql" || scheme === "https" || scheme === "http") return openRemoteModuleFile(options);
  throw new CuittyError("unsupported_location", `location: expected a path, or a libsql:, https: or http: URL, got a ${scheme}: URL`);
}
