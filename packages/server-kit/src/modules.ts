// The modules of a kit with their files: which module takes which event type, and everything that is done to all files.
import { join } from "node:path";
import { acquireOwnerLease, type OwnerLease } from "@cuitty/storage/file";
import { type Migration, type ModuleFile, type ModuleFileStats, openModuleFile, type StorageThread } from "@cuitty/storage/module-file";
import { CuittyError } from "@cuitty/wire-protocol";
import { type Bus, createProcessBus } from "./bus.ts";
import { createKnownKeys, type KnownKeys } from "./ingest/known-keys.ts";
import { loadKeys } from "./ingest/load-keys.ts";
import type { CuittyModule } from "./module.ts";
import { checkModule } from "./module-check.ts";
import { checkConflicts, withPlainBasePath } from "./module-conflicts.ts";
import { createTurns, type Turns } from "./turns.ts";

/** A module and its open file. */
export interface OpenModule {
  readonly definition: CuittyModule;
  readonly file: ModuleFile;
}

/** Which module takes which event type. */
export interface ModuleTypes {
  nameOfType(type: string): string | undefined;
}

/** Modules and their open files. */
export interface ModuleRegistry extends ModuleTypes {
  /** In the order given. */
  readonly all: readonly OpenModule[];
  ofName(name: string): OpenModule | undefined;
  ofType(type: string): OpenModule | undefined;
  /** Tells streams what was written. */
  readonly bus: Bus;
  /** Batches of one idempotency key must not meet: each file would know only its own. */
  readonly turns: Turns;
  /** Null where other processes may write the files, too. */
  readonly knownKeys: KnownKeys | null;
  /** By module name. */
  stats(): Readonly<Record<string, ModuleFileStats>>;
  /** Size of all local files together. Units: bytes. */
  dataBytes(): Promise<number>;
  /** Waits for queued writes and closes every file. Idempotent. */
  close(): Promise<void>;
}

/** Which modules are opened, and where. */
export interface OpenModulesOptions {
  /** Folder of the files, `<module>.db` each. */
  readonly dataDir: string;
  readonly modules: readonly CuittyModule[];
  /** Hints from writes to streams. @default in-process */
  readonly bus?: Bus | undefined;
  /** Remote libSQL databases by module name, instead of a file in `dataDir`. */
  readonly locations?: Readonly<Record<string, { readonly url: string; readonly authToken?: string | undefined }>> | undefined;
  /** Owns the local files; it is the caller's to close, after the registry. @default this thread owns them */
  readonly thread?: StorageThread | undefined;
}

/**
 * Makes this process the owner of the folder and opens every file with its migrations.
 * Errors: `data_dir_in_use` naming the owner, `invalid_module`, `duplicate_event_type`, `route_conflict`, those of the files; on any of them nothing stays open.
 */
export async function openModules(options: OpenModulesOptions): Promise<ModuleRegistry> {
  const lease = await acquireOwnerLease(options.dataDir);
  try {
    const registry = await openRegistry(options, lease);
    return { ...registry, close: () => registry.close().finally(lease.release) };
  } catch (error) {
    lease.release();
    throw error;
  }
}

/** As `openModules` in a folder that is owned already. @param lease without one nothing is taken for known: another process may write the files, too */
export async function openRegistry(options: OpenModulesOptions, lease?: OwnerLease): Promise<ModuleRegistry> {
  const { dataDir, locations = {}, thread } = options;
  const modules = options.modules.map((module) => {
    checkModule(module);
    return withPlainBasePath(module);
  });
  const byType = checkModules(modules);
  checkConflicts(modules);
  const opened: OpenModule[] = [];
  const loading = new AbortController();
  let knownKeys: KnownKeys | null = null;
  try {
    for (const definition of modules) {
      const remote = Object.hasOwn(locations, definition.name) ? locations[definition.name] : undefined;
      const location = remote?.url ?? join(dataDir, `${definition.name}.db`);
      const migrations = definition.migrations as Migration[];
      // A remote database has its own process already.
      const file =
        remote === undefined
          ? await (thread ?? { openModuleFile }).openModuleFile({ location, migrations })
          : await openModuleFile({ location, migrations, ...(remote.authToken ? { authToken: remote.authToken } : undefined) });
      opened.push({ definition, file });
      await checkRetention(definition, file);
    }
    if (lease !== undefined && Object.keys(locations).length === 0) {
      knownKeys = createKnownKeys({ isOwner: lease.isKept });
      await loadKeys(
        knownKeys,
        opened.map(({ file }) => file),
        loading.signal,
      );
    }
  } catch (error) {
    loading.abort();
    await Promise.allSettled(opened.map(({ file }) => file.close()));
    throw error;
  }
  const byName = new Map(opened.map((module) => [module.definition.name, module]));
  const openByType = new Map([...byType].map(([type, definition]) => [type, byName.get(definition.name) as OpenModule]));
  return {
    all: opened,
    bus: options.bus ?? createProcessBus(),
    turns: createTurns(),
    knownKeys,
    ofName: (name) => byName.get(name),
    ofType: (type) => openByType.get(type),
    nameOfType: (type) => byType.get(type)?.name,
    stats: () => Object.fromEntries(opened.map(({ definition, file }) => [definition.name, file.stats()])),
    async dataBytes() {
      let bytes = 0;
      for (const { file } of opened) {
        const [row] = await file.all("SELECT (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)");
        bytes += Number(row?.[0] ?? 0) + file.stats().walBytes;
      }
      return bytes;
    },
    async close() {
      loading.abort();
      const results = await Promise.allSettled(opened.map(({ file }) => file.close()));
      const failed = results.find((result) => result.status === "rejected");
      if (failed) throw failed.reason;
    },
  };
}

/** A rule for a table that is not there, or that the runner cannot delete from, would fail each night, and nothing would ever be deleted. */
async function checkRetention({ name, retention }: CuittyModule, file: ModuleFile): Promise<void> {
  for (const { table, column, prune } of retention) {
    const [found] = await file.all("SELECT 1 FROM pragma_table_info(?) WHERE name = ?", [table, column]);
    if (found === undefined) {
      throw new CuittyError("invalid_module", `Expected module ${name} to have the column ${table}.${column} that its retention names`);
    }
    if (prune !== undefined) continue;
    const [withoutRowid] = await file.all("SELECT 1 FROM pragma_table_list(?) WHERE wr = 1", [table]);
    if (withoutRowid === undefined) continue;
    const text = `Expected the table ${table} of module ${name} to have a rowid, by which retention deletes; make it without WITHOUT ROWID, or give its rule a prune() of its own`;
    throw new CuittyError("invalid_module", text);
  }
}

function checkModules(modules: readonly CuittyModule[]): Map<string, CuittyModule> {
  const names = new Set<string>();
  const byType = new Map<string, CuittyModule>();
  const byTopic = new Map<string, string>();
  for (const module of modules) {
    if (names.has(module.name)) throw new CuittyError("invalid_module", `Expected each module once, got ${module.name} twice`);
    names.add(module.name);
    for (const type of Object.keys(module.accepts)) {
      const other = byType.get(type);
      if (other !== undefined) {
        throw new CuittyError(
          "duplicate_event_type",
          `Expected one module for events of type ${type}, got ${other.name} and ${module.name}`,
        );
      }
      byType.set(type, module);
    }
    for (const { topic } of module.streams ?? []) {
      const other = byTopic.get(topic);
      if (other !== undefined) {
        throw new CuittyError("invalid_module", `Expected one module for the topic ${topic}, got ${other} and ${module.name}`);
      }
      byTopic.set(topic, module.name);
    }
  }
  return byType;
}
