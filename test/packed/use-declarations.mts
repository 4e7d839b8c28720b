// Compiled inside the scratch project with `declaration: true`, as a library or a composite project is: each of these must have a type that can be written down.
import { createStore } from "@cuitty/persist";
import { createCuittyClient } from "@cuitty/sdk";
import { createExpressMiddleware } from "@cuitty/sdk/express";
import { createHonoMiddleware } from "@cuitty/sdk/hono";
import { indexedDbSpool } from "@cuitty/sdk/spool-indexeddb";
import { persistSpool } from "@cuitty/sdk/spool-persist";
import { createFaultServer, createRecorder } from "@cuitty/sdk/testing";
import { createServerKit, defineModule, defineRoute, openModules, staticKeys } from "@cuitty/server-kit";
import { audit } from "@cuitty/server-kit/audit";
import { kitMiddleware } from "@cuitty/server-kit/express";
import { authenticate, ingest, sse } from "@cuitty/server-kit/hono";
import { logs } from "@cuitty/server-kit/logs";
import { performance } from "@cuitty/server-kit/performance";
import { repository } from "@cuitty/server-kit/repository";
import { testKit } from "@cuitty/server-kit/testing";
import { createTenantDatabase, graphs, open } from "@cuitty/storage/sqlite";
import { Type } from "@sinclair/typebox";

declare const subject: import("@cuitty/server-kit").Subject;

export const kit = await createServerKit({ dataDir: "./data", modules: [audit(), logs(), performance(), repository()] });
export const { api, routes, stages, identity, modules } = kit;
export const { keys, projects } = identity;
export const page = await api.logs.searchLogs(subject, { query: { level: "error" } });
export const entry = await api.audit.getAuditEvent(subject, { params: { id: "1" } });

export const route = defineRoute({
  method: "GET",
  path: "/visits",
  operationId: "listVisits",
  summary: "Visits",
  action: "read",
  query: Type.Object({ page: Type.String() }),
  reply: Type.Object({ visits: Type.Array(Type.String()) }),
  handle: async ({ query }) => ({ visits: [query.page] }),
});
export const visits = defineModule({
  name: "visits",
  accepts: { visit: Type.Object({ page: Type.String() }) },
  migrations: [],
  ingest: (events) => ({ statements: events.map(({ id }) => ({ sql: "INSERT INTO visits (id) VALUES (?)", params: [id] })) }),
  routes: [route],
  retention: [],
});
export const own = await createServerKit({ dataDir: "./data", modules: [visits] });
export const listed: readonly string[] = (await own.api.visits.listVisits(subject, { query: { page: "/" } })).visits;
export const registry = await openModules({ dataDir: "./data", modules: [visits] });
export const parts = [authenticate(staticKeys([])), ingest(registry), sse(registry)];
export const express = kitMiddleware(kit);
export const tests = await testKit({ modules: [visits] });
export const answer = await tests.ingest([]);

export const store = await createStore({ name: "app" });
export const { records, blobs, crypto } = store;
export const notes = await records.list<{ text: string }>("notes/");

export const client = createCuittyClient({ portalUrl: "http://localhost:7700", projectId: "p", apiKey: "k" });
export const middleware = [client.honoMiddleware(), createHonoMiddleware(client)];
export const expressMiddleware = createExpressMiddleware(client);
export const spools = [persistSpool(store), await indexedDbSpool()];
export const fakes = { server: await createFaultServer(), recorder: createRecorder() };

export const database = createTenantDatabase(open("tenant.db"));
export const rows = database.select().from(graphs).all();
