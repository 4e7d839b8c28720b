// A module on a real file in a temporary folder, without a kit around it, for the modules' own tests.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { IngestOutcome, ModuleFile } from "@cuitty/storage/module-file";
import { createEventChecker } from "@cuitty/wire-protocol/check-event";
import { systemRandom } from "../../../clock.ts";
import { uuidV7Maker } from "../../../ids.ts";
import type { CuittyModule, ValidEvent } from "../../../module.ts";
import { openModules } from "../../../modules.ts";
import type { Route } from "../../../route.ts";

export interface ModuleBench {
  readonly file: ModuleFile;
  readonly path: string;
  /** Sends `data` as events of the module's only type; returns what was written. */
  send(
    projectId: string,
    data: readonly object[],
    options?: SendOptions,
  ): Promise<{ readonly outcome: IngestOutcome; readonly ids: readonly string[] }>;
  /** Runs a route's handler. */
  call<T>(operationId: string, projectId: string, input?: { readonly query?: object; readonly params?: object }): Promise<T>;
  close(): Promise<void>;
  reopen(): Promise<void>;
  /** Opens the same file with the module made otherwise. */
  use(module: CuittyModule): Promise<void>;
}

export interface SendOptions {
  /** Event ids; new ones where absent. */
  readonly ids?: readonly string[] | undefined;
  /** Of the first event; the next ones are a second later each. */
  readonly tsMs?: number | undefined;
  readonly receivedAtMs?: number | undefined;
  readonly idempotencyKey?: string | undefined;
}

const subject = { id: "key", kind: "api_key", projectId: null, organizationId: "org", scopes: ["read"] } as const;

export async function openModuleBench(given: CuittyModule): Promise<ModuleBench> {
  let module = given;
  const dataDir = mkdtempSync(join(tmpdir(), "cuitty-module-"));
  const makeId = uuidV7Maker(Date.now, systemRandom);
  const type = Object.keys(module.accepts)[0] as string;
  const check = createEventChecker<string>({ schemas: { ...module.accepts } });
  let registry = await openModules({ dataDir, modules: [module] });
  const fileOf = (): ModuleFile => (registry.ofName(module.name) as { file: ModuleFile }).file;

  function toEvents(data: readonly object[], options: SendOptions): ValidEvent[] {
    const { tsMs = 1_777_293_296_000, receivedAtMs = tsMs + 500 } = options;
    return data.map((entry, index) => {
      const ts = new Date(tsMs + index * 1_000).toISOString();
      const checked = check({ type, ts, data: entry });
      if (!checked.ok) throw new Error(checked.reason);
      const { meta, ...rest } = checked;
      return { ...rest, index, id: options.ids?.[index] ?? makeId(), meta, receivedAtMs, isSkewed: false };
    });
  }

  return {
    get file() {
      return fileOf();
    },
    path: join(dataDir, `${module.name}.db`),
    async send(projectId, data, options = {}) {
      const events = toEvents(data, options);
      const { idempotencyKey, receivedAtMs: nowMs = Date.now() } = options;
      const plan = module.ingest(events, { projectId, nowMs });
      const key = idempotencyKey === undefined ? {} : { idempotencyKey, fingerprint: new Uint8Array(32) };
      const outcome = await fileOf().write({ projectId, nowMs, ...plan, ...key });
      return { outcome, ids: events.map(({ id }) => id) };
    },
    async call<T>(operationId: string, projectId: string, input: { query?: object; params?: object } = {}) {
      const route = module.routes?.find((entry) => entry.operationId === operationId) as Route;
      const signal = new AbortController().signal;
      const context = {
        subject,
        projectId,
        file: fileOf(),
        params: input.params ?? {},
        query: input.query ?? {},
        body: undefined,
        nowMs: Date.now(),
        signal,
      };
      return (await route.handle(context as Parameters<typeof route.handle>[0])) as T;
    },
    async close() {
      await registry.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
    async use(other) {
      await registry.close();
      module = other;
      registry = await openModules({ dataDir, modules: [module] });
    },
    async reopen() {
      await registry.close();
      registry = await openModules({ dataDir, modules: [module] });
    },
  };
}

export interface EventPage {
  readonly events: readonly { readonly id: string; readonly seq: number; readonly ts: string; readonly data: Record<string, unknown> }[];
  readonly nextCursor: string | null;
}
