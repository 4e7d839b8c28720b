// Live streams of a kit: who may open which, with a key, the app's own session or a one-time ticket.
import { CuittyError } from "@cuitty/wire-protocol";
import { authorize, notFound } from "./dispatch.ts";
import type { OwnedContext } from "./ingest/context.ts";
import type { KitPorts } from "./kit-pipeline.ts";
import { basePathOf } from "./kit-routes.ts";
import { jsonReply } from "./respond.ts";
import type { Subject } from "./route.ts";
import { moduleOf } from "./routes/resources.ts";
import { chooseTopics, isRefusal } from "./sse/choose-topics.ts";
import { createLiveStreams } from "./sse/live-streams.ts";
import type { StreamPlace } from "./sse/options.ts";
import { parseStreamQuery } from "./sse/stream-query.ts";
import { createStreamTickets } from "./sse/tickets.ts";
import type { TopicSource } from "./sse/topic-tail.ts";
import { createListeners, type Listener } from "./stream-listener.ts";

type Answer = (context: OwnedContext) => Promise<Response>;

export interface KitStreams {
  /** Paths with their answers by method. */
  readonly paths: readonly { readonly path: string; readonly answers: Readonly<Record<string, Answer>> }[];
  createTicket(options: { readonly projectId: string; readonly topics?: readonly string[] }): string;
  eventIds(topic: string, projectId: string): Promise<readonly string[]>;
  count(): number;
  close(): void;
}

const pageRows = 1_000;

export function createKitStreams(ports: KitPorts): KitStreams {
  const { options, modules, identity, bus, clock, random, authorizer, onFault } = ports;
  const sources: readonly TopicSource[] = modules.all.flatMap(({ definition, file }) =>
    (definition.streams ?? []).map((source) => ({ source, file })),
  );
  const moduleByTopic = new Map(
    modules.all.flatMap(({ definition }) => (definition.streams ?? []).map(({ topic }) => [topic, definition.name] as const)),
  );
  const tickets = createStreamTickets({ secret: identity.secretFor("stream tickets"), clock, random });
  const listeners = createListeners({ identity, tickets, authenticate: options.authenticate });
  const live = createLiveStreams({
    ...options.streams,
    sources,
    bus,
    clock,
    isAllowed,
    onError: (error) => onFault({ source: "stream", error }),
  });

  async function checkRead({ subject, projectId }: Pick<Listener, "subject" | "projectId">, moduleName: string): Promise<void> {
    const resource = moduleOf(identity, { subject, projectId, name: moduleName });
    await authorize(authorizer, { subject }, { action: "read", resource });
  }

  /** Whether a stream may go on. */
  async function isAllowed(subject: Subject, { projectId, topics }: StreamPlace): Promise<boolean> {
    if (subject.kind === "api_key" && !identity.keys.isLive(subject.id)) return false;
    try {
      await chooseTopics({ moduleByTopic, named: topics, checkRead: (moduleName) => checkRead({ subject, projectId }, moduleName) });
      return true;
    } catch (error) {
      if (isRefusal(error)) return false;
      throw error;
    }
  }

  function open(served: ReadonlyMap<string, string>): Answer {
    return async (context) => {
      const { exchange } = context;
      const query = parseStreamQuery(exchange);
      const listener = await (query.ticket === null ? listeners.ofRequest(context) : listeners.ofTicket(context, query.ticket));
      const { subject, projectId, askAgain } = listener;
      const topics = await chooseTopics({
        moduleByTopic: openedBy(listener, served, query.topics),
        named: query.topics,
        checkRead: (moduleName) => checkRead(listener, moduleName),
      });
      const headers = {
        "x-request-id": context.requestId,
        ...(listener.setCookie === undefined ? undefined : { "set-cookie": listener.setCookie }),
      };
      async function recheck(): Promise<boolean> {
        const now = await askAgain?.();
        return now != null && isAllowed(now, { projectId, topics });
      }
      const request = { subject, projectId, topics, cursor: query.cursor, headers };
      return live.open(exchange, askAgain === null ? request : { ...request, recheck });
    };
  }

  /** A page asks with its session, or a server with its key, and hands the ticket to EventSource. It opens what its asker may read. */
  async function issueTicket(context: OwnedContext): Promise<Response> {
    const { topics: named } = parseStreamQuery(context.exchange);
    const listener = await listeners.ofRequest(context);
    const topics = await chooseTopics({
      moduleByTopic,
      named,
      checkRead: (moduleName) => checkRead(listener, moduleName),
      isPartial: true,
    });
    context.replyHeaders.set("cache-control", "no-store");
    return jsonReply(context, JSON.stringify(listeners.issueTicket(context, { ...listener, topics })), 201);
  }

  return {
    paths: [
      { path: "/api/stream", answers: { GET: open(moduleByTopic) } },
      { path: "/api/stream-tickets", answers: { POST: issueTicket } },
      ...modules.all.flatMap(({ definition }) => {
        const own = new Map([...moduleByTopic].filter(([, name]) => name === definition.name));
        return own.size === 0 ? [] : [{ path: `${basePathOf(definition)}/stream`, answers: { GET: open(own) } }];
      }),
    ],
    createTicket({ projectId, topics }) {
      const project = identity.projects.get(projectId);
      if (project === null) throw notFound();
      const subject: Subject = { id: "ticket", kind: "user", projectId, organizationId: project.organizationId, scopes: ["read"] };
      const unknown = topics?.find((topic) => !moduleByTopic.has(topic));
      if (unknown !== undefined)
        throw new CuittyError(
          "invalid_option",
          `Expected topics out of ${[...moduleByTopic.keys()].join(", ")}, got ${JSON.stringify(unknown)}`,
        );
      return tickets.issue({ subject, projectId, ...(topics === undefined ? undefined : { topics }) }).ticket;
    },
    async eventIds(topic, projectId) {
      const found = sources.find(({ source }) => source.topic === topic);
      if (found === undefined) throw notFound();
      const ids: string[] = [];
      for (let afterSeq = 0; ; ) {
        const rows = await found.source.page(found.file, { projectId, afterSeq, limit: pageRows });
        for (const row of rows) ids.push(row.id);
        if (rows.length < pageRows) return ids;
        afterSeq = rows.at(-1)?.seq ?? afterSeq;
      }
    },
    count: () => live.stats().streams,
    close: () => live.close(),
  };
}

/** What is served and a listener's ticket is for. Errors: `forbidden` for what it does not open. */
function openedBy({ topics }: Listener, served: ReadonlyMap<string, string>, named: readonly string[] | null): ReadonlyMap<string, string> {
  if (topics === undefined) return served;
  const opened = new Map([...served].filter(([topic]) => topics.includes(topic)));
  const isClosed = named?.some((topic) => served.has(topic) && !opened.has(topic)) ?? false;
  if (!isClosed && (opened.size > 0 || served.size === 0)) return opened;
  throw new CuittyError("forbidden", `This ticket opens the topics ${topics.join(", ")} only; ask for one that opens others`);
}
