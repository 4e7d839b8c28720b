// A job board on SQLite files: organizations in system.db, each one's jobs as a graph in its own tenant file.
import { join } from "node:path";
import {
  accounts,
  auditLogs,
  createSystemDatabase,
  createTenantPool,
  edges,
  graphs,
  graphTypes,
  HonkerEventTarget,
  nodes,
  open,
  organizations,
  type TenantDatabase,
  uuidV7,
} from "@cuitty/storage/sqlite";
import { and, asc, eq, sql } from "drizzle-orm";

export const states = ["waiting", "running", "done", "failed"] as const;
export type JobState = (typeof states)[number];

export interface Job {
  readonly key: string;
  readonly title: string;
  readonly state: JobState;
  /** Keys of jobs that have to be done first. */
  readonly after: readonly string[];
  /** Waiting, and everything before it is done. */
  readonly isReady: boolean;
}

/** What listeners hear, in every process that watches. */
export type JobEvents = {
  "job:changed": { readonly key: string; readonly from: JobState | null; readonly to: JobState };
};

export interface NewJob {
  readonly key: string;
  readonly title: string;
  readonly after?: readonly string[];
}

export interface JobBoard {
  /** Errors: `constraint` when the slug is taken. */
  register(slug: string, ownerEmail: string): void;
  add(slug: string, job: NewJob): Promise<void>;
  /** Moves a job to a state; a job starts only when it is ready. */
  move(slug: string, key: string, to: JobState): Promise<void>;
  list(slug: string): Promise<Job[]>;
  /** Calls `onChange` for every change from now on until `signal` aborts. */
  watch(slug: string, onChange: (change: JobEvents["job:changed"]) => void, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

interface JobAttributes extends Record<string, unknown> {
  readonly title: string;
  readonly state: JobState;
}

const board = "jobs";

/** Opens the board in a folder that exists. */
export function openJobBoard(dataDir: string): JobBoard {
  const system = createSystemDatabase(open(join(dataDir, "system.db")));
  const tenants = createTenantPool({ folder: dataDir });

  function use<T>(slug: string, body: (db: TenantDatabase) => T | Promise<T>): Promise<T> {
    const known = system.select({ id: organizations.id }).from(organizations).where(eq(organizations.slug, slug)).get();
    if (known === undefined) throw new Error(`there is no organization "${slug}"; make it with: org ${slug} <your e-mail>`);
    return tenants.use(slug, (db) => {
      prepareBoard(db);
      return body(db);
    });
  }

  return {
    register(slug, email) {
      tenants.pathOf(slug);
      system.transaction((tx) => {
        const known = tx.select({ id: accounts.id }).from(accounts).where(eq(accounts.email, email)).get();
        const ownerId = known?.id ?? uuidV7();
        if (known === undefined) tx.insert(accounts).values({ id: ownerId, email }).run();
        const orgId = uuidV7();
        tx.insert(organizations).values({ id: orgId, name: slug, slug, ownerId }).run();
        tx.insert(auditLogs).values({ id: uuidV7(), action: "org_created", ownerId, orgId }).run();
      });
    },
    add: async (slug, job) => use(slug, (db) => addJob(db, job)),
    move: async (slug, key, to) => use(slug, (db) => moveJob(db, key, to)),
    list: async (slug) => use(slug, listJobs),
    watch: async (slug, onChange, signal) =>
      use(slug, async (db) => {
        const events = new HonkerEventTarget<JobEvents>(db.$client);
        events.addEventListener("job:changed", (event) => onChange(event.detail));
        // The pool keeps the file open for as long as this waits.
        await new Promise<void>((resolve) =>
          signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true }),
        );
        events.close();
      }),
    async close() {
      await tenants.close();
      system.$client.close();
    },
  };
}

/** The graph that all jobs stand in, made once. */
function prepareBoard(db: TenantDatabase): void {
  if (db.select({ id: graphs.id }).from(graphs).where(eq(graphs.id, board)).get() !== undefined) return;
  db.transaction((tx) => {
    tx.insert(graphTypes)
      .values({ id: board, name: board, config: { type: "directed", allowSelfLoops: false } })
      .onConflictDoNothing()
      .run();
    tx.insert(graphs).values({ id: board, graphTypeId: board, name: board, status: "active" }).onConflictDoNothing().run();
  });
}

function addJob(db: TenantDatabase, { key, title, after = [] }: NewJob): void {
  // One commit: the job, what it waits for, and the event.
  db.transaction((tx) => {
    const attributes: JobAttributes = { title, state: "waiting" };
    tx.insert(nodes)
      .values({ id: uuidV7(), graphId: board, key, attributes, metadata: { "_graph.type": "job" } })
      .run();
    const before = after.map((target) => ({
      id: uuidV7(),
      graphId: board,
      sourceNodeKey: key,
      targetNodeKey: target,
      metadata: { "_graph.type": "after" },
    }));
    if (before.length > 0) tx.insert(edges).values(before).run();
    tx.$honkerTx.notify("job:changed", { key, from: null, to: "waiting" } satisfies JobEvents["job:changed"]);
  });
}

function moveJob(db: TenantDatabase, key: string, to: JobState): void {
  db.transaction((tx) => {
    const job = listJobs(db).find((candidate) => candidate.key === key);
    if (job === undefined) throw new Error(`there is no job "${key}"`);
    if (to === "running" && !job.isReady)
      throw new Error(`"${key}" is ${job.state === "waiting" ? `waiting for ${job.after.join(", ")}` : job.state}`);
    const attributes: JobAttributes = { title: job.title, state: to };
    tx.update(nodes)
      .set({ attributes, updatedAt: new Date() })
      .where(and(eq(nodes.graphId, board), eq(nodes.key, key)))
      .run();
    tx.$honkerTx.notify("job:changed", { key, from: job.state, to } satisfies JobEvents["job:changed"]);
  });
}

function listJobs(db: TenantDatabase): Job[] {
  const rows = db.query.nodes
    .findMany({ where: eq(nodes.graphId, board), orderBy: [asc(nodes.createdAt), sql`rowid`], with: { outgoingEdges: true } })
    .sync();
  const stateOf = new Map(rows.map((row) => [row.key, (row.attributes as JobAttributes).state]));
  return rows.map(({ key, attributes, outgoingEdges }) => {
    const { title, state } = attributes as JobAttributes;
    const after = outgoingEdges.map((edge) => edge.targetNodeKey);
    return { key, title, state, after, isReady: state === "waiting" && after.every((target) => stateOf.get(target) === "done") };
  });
}
