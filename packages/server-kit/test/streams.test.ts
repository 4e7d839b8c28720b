// Live streams of a whole kit on real files: restarts, keys, tickets, tenants.
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineModule, type StreamSource, type Subject } from "@cuitty/server-kit";
import { audit } from "@cuitty/server-kit/audit";
import { logs } from "@cuitty/server-kit/logs";
import { afterEach, describe, expect, test } from "vitest";
import { createEventParser, type EventParser } from "../src/sse/test-tools/event-parser.ts";
import { until } from "../src/sse/test-tools/stream-server.ts";
import { auditEvent, type RunningKit, sendEvents, startKit } from "./running-kit.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(options: Parameters<typeof startKit>[0] = {}): Promise<RunningKit> {
  const running = await startKit({ limits: { batchesPerSecond: 10_000, eventsPerSecond: 100_000 }, ...options });
  cleanups.push(() => running.close());
  return running;
}

interface Reader {
  readonly parser: EventParser;
  status(): number;
  setCookie(): string | undefined;
  isClosed(): boolean;
  stop(): void;
}

function read(url: string, headers: Record<string, string> = {}): Reader {
  const parser = createEventParser();
  let status = 0;
  let setCookie: string | undefined;
  let isClosed = false;
  const call = request(url, { headers, agent: false }, (response) => {
    status = response.statusCode ?? 0;
    setCookie = response.headers["set-cookie"]?.[0];
    if (status === 200) response.on("data", (chunk: Uint8Array) => parser.push(chunk));
    else response.resume();
    response.on("close", () => {
      isClosed = true;
    });
  });
  call.on("error", () => {
    isClosed = true;
  });
  call.end();
  cleanups.push(() => void call.destroy());
  return { parser, status: () => status, setCookie: () => setCookie, isClosed: () => isClosed, stop: () => void call.destroy() };
}

const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });
const idsOf = ({ parser }: Reader): string[] => parser.events.map(({ data }) => (JSON.parse(data) as { id: string }).id);
const logEvent = (message: string): Record<string, unknown> => ({
  type: "log",
  ts: "2026-04-27T12:34:56Z",
  data: { level: "info", message },
});

const organizationOf = ({ kit, projectId }: RunningKit): string => kit.identity.projects.get(projectId)?.organizationId ?? "";

/** Status and problem of a stream that should not open; 0 for one that did. */
async function refusalOf(url: string, headers: Record<string, string>, method = "GET"): Promise<[number, string, string]> {
  const abort = new AbortController();
  const response = await fetch(url, { method, headers, signal: abort.signal });
  if (response.ok) abort.abort();
  if (response.ok) return [0, "", ""];
  const { code, detail } = (await response.json()) as { code: string; detail: string };
  return [response.status, code, detail];
}

async function manage(running: RunningKit, method: string, path: string, body?: object): Promise<Record<string, string>> {
  const response = await fetch(running.url + path, {
    method,
    headers: { ...bearer(running.apiKey), "content-type": "application/json" },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  return response.status === 204 ? {} : ((await response.json()) as Record<string, string>);
}

describe("live streams of a kit", () => {
  test("after a restart every client goes on where it was, with no event lost or twice, each with its own project's", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "cuitty-streams-"));
    cleanups.push(() => rm(dataDir, { recursive: true, force: true }));
    let running = await startKit({ dataDir });
    const { apiKey, webhookSecret, projectId } = running;
    const seen: string[] = [];
    let lastEventId = "0";
    let sent = 0;
    for (let round = 0; round < 6; round++) {
      const reader = read(`${running.url}/api/stream?topics=audit,logs`, { ...bearer(apiKey), "last-event-id": lastEventId });
      await until(() => reader.parser.retryMs() !== null);
      for (let index = 0; index < 4; index++) {
        const events = [auditEvent(), logEvent(`${round}/${index}`)];
        await sendEvents({ ...running, apiKey, webhookSecret }, events);
        sent += events.length;
      }
      // Some of what was sent is still on its way when the server goes down.
      await until(() => reader.parser.events.length >= 1 + round);
      await running.close();
      await until(() => reader.isClosed());
      seen.push(...idsOf(reader));
      lastEventId = reader.parser.lastEventId();
      running = await startKit({ dataDir });
    }
    cleanups.push(() => running.close());
    const last = read(`${running.url}/api/stream?topics=audit,logs`, { ...bearer(apiKey), "last-event-id": lastEventId });
    await until(() => seen.length + last.parser.events.length >= sent);
    const all = [...seen, ...idsOf(last)];
    expect([all.length, new Set(all).size]).toEqual([sent, sent]);
    const stored = [...(await running.kit.eventIds("audit", projectId)), ...(await running.kit.eventIds("logs", projectId))];
    expect([...all].sort()).toEqual([...stored].sort());
  });

  test("a module's own stream, and an unknown module's", async () => {
    const running = await start();
    const reader = read(`${running.url}/api/modules/logs/stream?after=0`, bearer(running.apiKey));
    await sendEvents(running, [auditEvent(), logEvent("mine")]);
    await until(() => reader.parser.events.length === 1);
    expect(reader.parser.events[0]?.id).toBe("logs:1");
    const unknown = read(`${running.url}/api/modules/secrets/stream`, bearer(running.apiKey));
    await until(() => unknown.status() !== 0);
    expect(unknown.status()).toBe(404);
  });

  test.each(["my-topic", "Notes", "app.notes", "0"])(
    "a topic named %s is asked for, delivered and gone on with by its cursor",
    async (topic) => {
      const [source] = logs().streams ?? [];
      const notes = defineModule({ ...logs(), streams: [{ ...(source as StreamSource), topic }] });
      const running = await start({ modules: [notes, audit()] });
      for (const topics of [topic, `${topic},audit`]) {
        const url = `${running.url}/api/stream?topics=${topics}`;
        const reader = read(url, bearer(running.apiKey));
        await until(() => reader.parser.retryMs() !== null);
        await sendEvents(running, [logEvent("first")]);
        await until(() => reader.parser.events.some(({ type }) => type === "message"));
        reader.stop();
        await sendEvents(running, [logEvent("second"), logEvent("third")]);
        const again = read(url, { ...bearer(running.apiKey), "last-event-id": reader.parser.lastEventId() });
        await until(() => again.parser.events.length === 2);
        expect(again.parser.events.map(({ data }) => JSON.parse(data).data.message)).toEqual(["second", "third"]);
        again.stop();
      }
    },
  );

  test("topics that are too many, or that none can be called, are told apart", async () => {
    const running = await start();
    const refusal = (topics: string) => refusalOf(`${running.url}/api/stream?topics=${topics}`, bearer(running.apiKey));
    expect(await refusal("a%20b")).toEqual([400, "invalid_request", expect.stringMatching(/names of letters, digits/)]);
    expect(await refusal("logs,".repeat(33))).toEqual([400, "invalid_request", expect.stringMatching(/at most 32 names.*got 33/)]);
  });

  test.each([
    ["no key", {}, 401],
    ["a key that nobody made", { authorization: "Bearer cuitty_sk_nonsense" }, 401],
    ["a forged place", { "last-event-id": "logs:1; DROP TABLE" }, 400],
    ["a place in another stream", { "last-event-id": "repository:1" }, 400],
  ])("%s opens nothing", async (_case, headers, status) => {
    const running = await start();
    const reader = read(`${running.url}/api/stream?topics=logs`, {
      ...("last-event-id" in headers ? bearer(running.apiKey) : {}),
      ...headers,
    });
    await until(() => reader.status() !== 0);
    expect(reader.status()).toBe(status);
    expect(running.kit.stats().streams).toBe(0);
  });

  test("another project's place only is a place: no event of another project comes", async () => {
    const running = await start({ modules: [logs()] });
    const other = await manage(running, "POST", "/api/projects", { name: "other" });
    const key = await manage(running, "POST", `/api/projects/${other.id}/keys`, { scopes: ["ingest", "read"] });
    for (let index = 0; index < 5; index++) await sendEvents(running, [logEvent(`mine ${index}`)]);
    const reader = read(`${running.url}/api/stream?topics=logs`, { ...bearer(key.key ?? ""), "last-event-id": "logs:2" });
    await until(() => reader.parser.retryMs() !== null);
    await sendEvents(running, [logEvent("mine again")]);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(reader.parser.events.filter(({ type }) => type === "message")).toEqual([]);
  });

  test("a revoked key loses its stream within 5 seconds", async () => {
    const running = await start();
    const key = await manage(running, "POST", `/api/projects/${running.projectId}/keys`, { scopes: ["read"] });
    const reader = read(`${running.url}/api/stream`, bearer(key.key ?? ""));
    const mine = read(`${running.url}/api/stream`, bearer(running.apiKey));
    await until(() => reader.parser.retryMs() !== null && mine.parser.retryMs() !== null);
    await manage(running, "DELETE", `/api/projects/${running.projectId}/keys/${key.id}`);
    await until(() => reader.isClosed(), 5_000);
    expect(mine.isClosed()).toBe(false);
  });
});

describe("topics that are not here", () => {
  test("are told to a reader, with those that are; who may not read is refused before, and nothing is held", async () => {
    const running = await start({
      streams: { maxStreamsPerProject: 1 },
      authenticate: async ({ headers }) =>
        headers.has("x-user") ? { id: "mallory", kind: "user", projectId: null, organizationId: "another", scopes: ["read"] } : null,
    });
    const keysPath = `/api/projects/${running.projectId}/keys`;
    const ingestOnly = await manage(running, "POST", keysPath, { scopes: ["ingest"] });
    const publishable = await manage(running, "POST", keysPath, { kind: "pk", origins: ["https://shop.example"] });
    for (const path of ["/api/modules/logs/stream?topics=nope", "/api/stream?topics=nope"]) {
      const refusal = (headers: Record<string, string>) => refusalOf(running.url + path, headers);
      expect((await refusal(bearer(ingestOnly.key ?? ""))).slice(0, 2)).toEqual([403, "insufficient_scope"]);
      expect((await refusal({ ...bearer(publishable.key ?? ""), origin: "https://shop.example" }))[0]).toBe(403);
      expect((await refusal({ "x-user": "mallory", "x-project-id": running.projectId })).slice(0, 2)).toEqual([404, "not_found"]);
      expect(await refusal(bearer(running.apiKey))).toEqual([400, "invalid_request", expect.stringMatching(/expected some of .*logs/)]);
    }
    expect((await refusalOf(`${running.url}/api/stream?topics=logs,nope`, bearer(running.apiKey)))[0]).toBe(400);
    expect((await refusalOf(`${running.url}/api/modules/logs/stream?topics=audit`, bearer(running.apiKey)))[0]).toBe(400);
    const own = await running.kit.createStreamTicket({ projectId: running.projectId, topics: ["logs"] });
    expect((await refusalOf(`${running.url}/api/modules/audit/stream?ticket=${own}`, {}))[0]).toBe(403);
    expect(running.kit.stats().streams).toBe(0);
    const reader = read(`${running.url}/api/stream`, bearer(running.apiKey));
    await until(() => reader.parser.retryMs() !== null);
  });

  test("a kit without streams says so, to those who are known", async () => {
    const running = await start({ modules: [] });
    for (const [method, path] of [
      ["GET", "/api/stream"],
      ["POST", "/api/stream-tickets"],
    ] as const) {
      expect(await refusalOf(running.url + path, bearer(running.apiKey), method)).toEqual([404, "not_found", expect.any(String)]);
      expect((await refusalOf(running.url + path, {}, method))[0]).toBe(401);
    }
  });
});

describe("with an authorizer that allows some topics", () => {
  const user = { "x-user": "alice" };
  async function startFor(...readable: string[]): Promise<RunningKit> {
    let organizationId = "";
    const running = await start({
      authenticate: async ({ headers }) =>
        headers.has("x-user") ? { id: "alice", kind: "user", projectId: running.projectId, organizationId, scopes: [] } : null,
      authorizer: {
        authorize: (subject, _action, { type, id }) =>
          subject.kind === "api_key" || (type === "module" && readable.includes(id))
            ? { effect: "allow" }
            : { effect: "deny", reason: "is not for everybody" },
        list: () => "all",
      },
    });
    organizationId = organizationOf(running);
    return running;
  }
  const askTicket = (running: RunningKit, query = ""): Promise<Response> =>
    fetch(`${running.url}/api/stream-tickets${query}`, { method: "POST", headers: user });

  // Audit is the kit's first module: what may be read must not depend on the order of modules.
  test("a stream that names none has those; one that names another is refused", async () => {
    const running = await startFor("logs");
    const reader = read(`${running.url}/api/stream?after=0`, user);
    await sendEvents(running, [auditEvent(), logEvent("mine")]);
    await until(() => reader.parser.events.length > 0);
    expect(reader.parser.events.map(({ id }) => id)).toEqual(["logs:1"]);
    for (const topics of ["audit", "audit,logs", "audit,nope"])
      expect((await refusalOf(`${running.url}/api/stream?topics=${topics}`, user))[0]).toBe(403);
  });

  test("a ticket opens those, and is refused to who may read none of what was asked", async () => {
    const running = await startFor("logs");
    for (const query of ["", "?topics=audit,logs"]) {
      const response = await askTicket(running, query);
      expect(response.status).toBe(201);
      const { ticket } = (await response.json()) as { ticket: string };
      const reader = read(`${running.url}/api/stream?after=0&ticket=${ticket}`);
      await sendEvents(running, [auditEvent(), logEvent("mine")]);
      await until(() => reader.parser.events.length > 0);
      expect(reader.parser.events[0]?.id).toBe("logs:1");
    }
    expect((await askTicket(running, "?topics=audit")).status).toBe(403);
    expect((await askTicket(running, "?topics=nope")).status).toBe(400);
  });

  test("who may read nothing gets neither", async () => {
    const running = await startFor();
    expect((await refusalOf(`${running.url}/api/stream`, user))[0]).toBe(403);
    expect((await askTicket(running)).status).toBe(403);
  });
});

describe("tickets of a kit", () => {
  async function ticket(running: RunningKit, key = running.apiKey): Promise<string> {
    const response = await fetch(`${running.url}/api/stream-tickets`, { method: "POST", headers: bearer(key) });
    expect(response.status).toBe(201);
    return ((await response.json()) as { ticket: string }).ticket;
  }

  test("a browser opens with a ticket and reconnects with its cookie, as EventSource does; nobody else can use the URL", async () => {
    const running = await start();
    const url = `${running.url}/api/stream?topics=logs&ticket=${await ticket(running)}`;
    const first = read(url);
    await until(() => first.parser.retryMs() !== null);
    await sendEvents(running, [logEvent("one")]);
    await until(() => first.parser.events.length === 1);
    first.stop();
    await sendEvents(running, [logEvent("two")]);
    expect(first.setCookie()).toMatch(/^cuitty_stream_[0-9a-f]+=.+; Path=\/api\/stream; .*HttpOnly; SameSite=Strict/);
    const cookie = first.setCookie()?.split(";")[0] ?? "";
    const again = read(url, { cookie, "last-event-id": first.parser.lastEventId() });
    await until(() => again.parser.events.length === 1);
    expect(JSON.parse(again.parser.events[0]?.data ?? "").data.message).toBe("two");
    const thief = read(url);
    await until(() => thief.status() !== 0);
    expect(thief.status()).toBe(401);
  });

  test("the cookie of a key that was revoked opens nothing", async () => {
    const running = await start();
    const key = await manage(running, "POST", `/api/projects/${running.projectId}/keys`, { scopes: ["read"] });
    const url = `${running.url}/api/stream?ticket=${await ticket(running, key.key)}`;
    const first = read(url);
    await until(() => first.parser.retryMs() !== null);
    await manage(running, "DELETE", `/api/projects/${running.projectId}/keys/${key.id}`);
    await until(() => first.isClosed(), 5_000);
    const again = read(url, { cookie: first.setCookie()?.split(";")[0] ?? "" });
    await until(() => again.status() !== 0);
    expect(again.status()).toBe(401);
  });

  test("an app's own code makes tickets for its pages", async () => {
    const running = await start();
    const own = await running.kit.createStreamTicket({ projectId: running.projectId });
    const reader = read(`${running.url}/api/stream?after=0&ticket=${own}`);
    await sendEvents(running, [logEvent("one")]);
    await until(() => reader.parser.events.length === 1);
  });
});

describe("a ticket made for some topics", () => {
  test("opens those, also after a reconnect, and no other", async () => {
    const running = await start();
    const other = read(
      `${running.url}/api/stream?topics=audit&ticket=${await running.kit.createStreamTicket({ projectId: running.projectId, topics: ["logs"] })}`,
    );
    await until(() => other.status() !== 0);
    expect(other.status()).toBe(403);

    const own = await running.kit.createStreamTicket({ projectId: running.projectId, topics: ["logs"] });
    const reader = read(`${running.url}/api/stream?after=0&ticket=${own}`);
    await until(() => reader.setCookie() !== undefined);
    const again = read(`${running.url}/api/stream?after=0&ticket=${own}`, { cookie: reader.setCookie()?.split(";")[0] ?? "" });
    await sendEvents(running, [logEvent("one"), auditEvent()]);
    for (const { parser } of [reader, again]) {
      await until(() => parser.events.length > 0);
      expect(parser.events.map(({ data }) => (JSON.parse(data) as { type: string }).type)).toEqual(["log"]);
    }
    await expect(running.kit.createStreamTicket({ projectId: running.projectId, topics: ["nothing"] })).rejects.toMatchObject({
      code: "invalid_option",
    });
  });
});

describe("a user of the app", () => {
  test("reads with the app's own session, and stops when the session ends", async () => {
    const sessions = new Map<string, string>();
    const running = await start({
      streams: { sessionRecheckMs: 500 },
      authenticate: async (given) => {
        const projectId = sessions.get(given.headers.get("cookie") ?? "");
        return projectId === undefined ? null : { id: "alice", kind: "user", projectId, organizationId, scopes: ["read"] };
      },
    });
    const organizationId = organizationOf(running);
    sessions.set("session=1", running.projectId);
    const reader = read(`${running.url}/api/stream?after=0`, { cookie: "session=1" });
    await sendEvents(running, [logEvent("one")]);
    await until(() => reader.parser.events.length === 1);
    const nobody = read(`${running.url}/api/stream`, { cookie: "session=2" });
    await until(() => nobody.status() !== 0);
    expect(nobody.status()).toBe(401);
    sessions.clear();
    await until(() => reader.isClosed(), 3_000);
  });
});

describe("what was revoked ends", () => {
  interface Account {
    readonly sessions: Set<string>;
    scopes: string[];
    projectId: string;
  }

  /** An app with sessions in a cookie or a header, and users of the kit's own organization. */
  async function startApp(options: Parameters<typeof startKit>[0] = {}): Promise<{ running: RunningKit; account: Account }> {
    const account: Account = { sessions: new Set(["s1"]), scopes: ["read"], projectId: "" };
    let organizationId = "";
    const running = await start({
      authenticate: async ({ headers }) => {
        const session = headers.get("x-session") ?? /session=(\w+)/.exec(headers.get("cookie") ?? "")?.[1] ?? "";
        const { projectId, scopes } = account;
        return account.sessions.has(session) ? { id: "alice", kind: "user", projectId, organizationId, scopes } : null;
      },
      ...options,
    });
    account.projectId = running.projectId;
    organizationId = organizationOf(running);
    return { running, account };
  }

  async function askTicket(running: RunningKit, headers: Record<string, string>): Promise<string> {
    const response = await fetch(`${running.url}/api/stream-tickets`, { method: "POST", headers });
    expect(response.status).toBe(201);
    return `${running.url}/api/stream?ticket=${((await response.json()) as { ticket: string }).ticket}`;
  }

  async function opened(url: string, headers: Record<string, string> = {}): Promise<Reader> {
    const reader = read(url, headers);
    await until(() => reader.parser.retryMs() !== null);
    return reader;
  }

  const cookieOf = (reader: Reader): string => reader.setCookie()?.split(";")[0] ?? "";

  test("a logout ends the streams of tickets within 5 seconds; neither their cookies nor unused tickets open again", async () => {
    const { running, account } = await startApp();
    const header = { "x-session": "s1" };
    const [byHeader, byCookie, unused] = [
      await askTicket(running, header),
      await askTicket(running, { cookie: "session=s1" }),
      await askTicket(running, header),
    ];
    // A page whose session is a header cannot send it here; one whose session is a cookie does.
    const readers = [await opened(byHeader), await opened(byCookie, { cookie: "session=s1" })] as const;
    const again = await opened(byHeader, { cookie: cookieOf(readers[0]) });
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(readers.some((reader) => reader.isClosed())).toBe(false);
    account.sessions.clear();
    await until(() => [...readers, again].every((reader) => reader.isClosed()), 5_000);
    expect((await refusalOf(byHeader, { cookie: cookieOf(readers[0]) }))[0]).toBe(401);
    expect((await refusalOf(byCookie, { cookie: `session=s1; ${cookieOf(readers[1])}` }))[0]).toBe(401);
    expect((await refusalOf(unused, {}))[0]).toBe(401);
  });

  test("a session that was a cookie has to be sent after a restart too, and somebody else's is not it", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "cuitty-streams-"));
    cleanups.push(() => rm(dataDir, { recursive: true, force: true }));
    const before = await startApp({ dataDir });
    const url = await askTicket(before.running, { cookie: "session=s1" });
    const cookie = cookieOf(await opened(url, { cookie: "session=s1" }));
    await before.running.close();
    const { projectId } = before.running;
    const user = (id: string): Subject => ({ id, kind: "user", projectId, organizationId: "", scopes: ["read"] });
    const users = new Map([
      ["session=s2", "alice"],
      ["session=s3", "mallory"],
    ]);
    const running = await start({
      dataDir,
      authenticate: async ({ headers }) => {
        const id = users.get(/session=\w+/.exec(headers.get("cookie") ?? "")?.[0] ?? "");
        return id === undefined
          ? null
          : { ...user(id), organizationId: running.kit.identity.projects.get(projectId)?.organizationId ?? "" };
      },
    });
    const after = url.replace(before.running.url, running.url);
    for (const session of ["", "session=s3; "]) expect((await refusalOf(after, { cookie: session + cookie }))[0]).toBe(401);
    await opened(after, { cookie: `session=s2; ${cookie}` });
  });

  test("a user who may not read any more loses his streams within 5 seconds", async () => {
    const { running, account } = await startApp();
    const url = await askTicket(running, { "x-session": "s1" });
    const readers = [await opened(url), await opened(`${running.url}/api/stream`, { "x-session": "s1" })];
    account.scopes = ["ingest"];
    await until(() => readers.every((reader) => reader.isClosed()), 5_000);
  });

  test("an authorizer that changes its mind ends the streams of what is not allowed any more within 5 seconds", async () => {
    let isAuditOpen = true;
    const { running } = await startApp({
      authorizer: {
        authorize: (_subject, _action, { id }) =>
          id === "audit" && !isAuditOpen ? { effect: "deny", reason: "is over" } : { effect: "allow" },
        list: () => "all",
      },
    });
    const url = (topic: string): Promise<string> =>
      running.kit
        .createStreamTicket({ projectId: running.projectId })
        .then((ticket) => `${running.url}/api/stream?topics=${topic}&ticket=${ticket}`);
    const [auditStream, logStream] = [await opened(await url("audit")), await opened(await url("logs"))];
    isAuditOpen = false;
    await until(() => auditStream.isClosed(), 5_000);
    expect(logStream.isClosed()).toBe(false);
  });

  test("a deleted project ends its streams, whoever opened them, and its tickets and cookies open nothing", async () => {
    const { running, account } = await startApp();
    const { id: projectId = "" } = await manage(running, "POST", "/api/projects", { name: "short-lived" });
    const { key = "" } = await manage(running, "POST", `/api/projects/${projectId}/keys`, { scopes: ["read"] });
    account.projectId = projectId;
    const session = { "x-session": "s1" };
    const bySession = await askTicket(running, session);
    const ownTicket = async (): Promise<string> =>
      `${running.url}/api/stream?ticket=${await running.kit.createStreamTicket({ projectId })}`;
    const [own, unused] = [await ownTicket(), await ownTicket()];
    const readers = [
      await opened(bySession),
      await opened(own),
      await opened(`${running.url}/api/stream`, session),
      await opened(`${running.url}/api/stream`, bearer(key)),
    ] as const;
    await manage(running, "DELETE", `/api/projects/${projectId}`);
    await until(() => readers.every((reader) => reader.isClosed()), 5_000);
    for (const [url, reader] of [
      [bySession, readers[0]],
      [own, readers[1]],
    ] as const)
      expect((await refusalOf(url, { cookie: cookieOf(reader) })).slice(0, 2)).toEqual([404, "not_found"]);
    expect((await refusalOf(unused, {}))[0]).toBe(404);
    expect((await refusalOf(`${running.url}/api/stream`, session))[0]).toBe(404);
    expect((await refusalOf(`${running.url}/api/stream-tickets`, session, "POST"))[0]).toBe(404);
  });
});
