// The repository plugin: commits (and, if asked for, branches and tags) of the app's git repository, read from `.git` without starting git.
import { basename, dirname, join } from "node:path";
import type { CuittyPlugin, EmittedEvent, PluginContext } from "../plugin.ts";
import { watchAcknowledgement } from "./git/acknowledged.ts";
import { type GitCommit, parseCommit } from "./git/commit.ts";
import { commitEvent, type RepositorySource, refEvents, refKey } from "./git/events.ts";
import { fileCursor } from "./git/file-cursor.ts";
import { readLog } from "./git/log.ts";
import { type ObjectStore, openObjects } from "./git/object-store.ts";
import { parseRemote } from "./git/remote-url.ts";
import { findRepository, listRefs, type RepositoryDir } from "./git/repository-dir.ts";

/** What has been sent; JSON-safe, to be kept and given back as it is. */
export interface RepositoryState {
  /** Commits whose whole history has been sent. */
  readonly tips: readonly string[];
  /** Branches and tags (`branch:main`, `tag:v1`) and where they stood. */
  readonly refs: Readonly<Record<string, string>>;
}

/** Keeps what has been sent between runs, in a place of the app's own. */
export interface RepositoryCursor {
  load(): RepositoryState | undefined | Promise<RepositoryState | undefined>;
  /** Called when the server has acknowledged the events. Until then a next run sends them again. */
  save(state: RepositoryState): unknown;
}

export interface RepositoryPluginOptions {
  /** A folder inside the repository. @default the current folder */
  readonly path?: string | undefined;
  /** Newest commits that are sent at once; Infinity for the whole history, which is then handed over at 1,000 events a second. @default 1000 */
  readonly maxCommits?: number | undefined;
  /** @default ["commit"] */
  readonly kinds?: readonly ("commit" | "branch" | "tag")[] | undefined;
  /** File that remembers what has been sent, so that the next run sends only what is new. Made when missing, mode 0600. */
  readonly statePath?: string | undefined;
  /** Remembers it somewhere else instead. */
  readonly cursor?: RepositoryCursor | undefined;
  /** Told in one line why nothing can be read. */
  readonly onSkip?: ((reason: string) => void) | undefined;
  /** Name such as `acme/api`. @default read from the remote, else the folder's name */
  readonly repo?: string | undefined;
  /** @default read from the remote, else `local` */
  readonly provider?: string | undefined;
}

/** What a start of the plugin has sent, in numbers. */
export interface RepositoryReport {
  readonly commits: number;
  readonly refs: number;
  /** Why nothing could be read. */
  readonly problem?: string;
}

/** The plugin, and what its start came to. */
export interface RepositoryPlugin extends CuittyPlugin {
  /** Resolves when the events of this start have been handed to the client. Never rejects. */
  done(): Promise<RepositoryReport>;
  /**
   * Resolves when what this start sent has been acknowledged and remembered, or when a first flush has failed to bring it there (it is then remembered
   * whenever the server comes back). Never rejects.
   * Await it between `flush` and `shutdown`: a shutdown in between leaves the state as it was, and the next start sends the same commits again.
   */
  remembered(): Promise<void>;
}

const nothing: RepositoryReport = Object.freeze({ commits: 0, refs: 0 });
// The first ones go at once: the client holds ten times as many.
const eventsBeforePause = 1_000;
const eventsPerPause = 500;
const pauseMs = 500;

/**
 * Trigger: `client.start()`, once; oldest commit first.
 *
 * Expected event:
 * ```json
 * { "type": "repository", "ts": "2026-04-27T12:34:56Z", "data": { "provider": "github", "repo": "acme/api", "kind": "commit", "branch": "main",
 *   "commit": "ab12cd34ab12cd34ab12cd34ab12cd34ab12cd34", "author": "alice", "authorEmail": "alice@example.com", "message": "Fix the gate",
 *   "parents": [], "committedAt": "2026-04-27T14:34:56+02:00", "url": "https://github.com/acme/api/commit/ab12cd34ab12cd34ab12cd34ab12cd34ab12cd34" } }
 * ```
 * Reads loose and packed objects, work trees, shallow clones and borrowed objects. Credentials in the remote's URL are never sent.
 */
export function repositoryPlugin(options: RepositoryPluginOptions = {}): RepositoryPlugin {
  let running: Promise<RepositoryReport> = Promise.resolve(nothing);
  let remembering: Promise<void> = Promise.resolve();
  let stop: AbortController | undefined;
  return {
    name: "repository",
    setup(context) {
      stop?.abort();
      stop = new AbortController();
      const remember = (work: Promise<void>): void => {
        remembering = work;
      };
      running = run({ context, options, signal: stop.signal, remember })
        .catch((error: unknown) => ({
          ...nothing,
          problem: `the repository cannot be read: ${error instanceof Error ? error.message : typeof error}`,
        }))
        .then((report) => {
          if (report.problem !== undefined) tell(report.problem, context, options);
          return report;
        });
    },
    teardown() {
      stop?.abort();
      stop = undefined;
    },
    done: () => running,
    remembered: () => running.then(() => remembering),
  };
}

function tell(problem: string, context: PluginContext, { onSkip }: RepositoryPluginOptions): void {
  context.debug(`repository: ${problem}`);
  try {
    onSkip?.(problem);
  } catch {
    // Nobody is left to tell.
  }
}

interface Run {
  readonly context: PluginContext;
  readonly options: RepositoryPluginOptions;
  readonly signal: AbortSignal;
  /** Told of the work that goes on when the events have been handed over. */
  readonly remember: (work: Promise<void>) => void;
}

async function run({ context, options, signal, remember }: Run): Promise<RepositoryReport> {
  const repository = await findRepository(options.path ?? process.cwd());
  if (repository === undefined) return { ...nothing, problem: "no git repository here, no commits are sent" };
  const cursor = options.cursor ?? (options.statePath === undefined ? undefined : fileCursor(options.statePath));
  const before = (await cursor?.load()) ?? { tips: [], refs: {} };
  const kinds = options.kinds ?? ["commit"];
  const source = sourceOf(repository, options);

  const commits = kinds.includes("commit") ? await newCommits(repository, before, options) : [];
  const refs = (kinds.some((kind) => kind !== "commit") ? await listRefs(repository.commonDir) : []).filter(({ kind }) =>
    kinds.includes(kind),
  );
  const changes = refEvents(refs, before.refs, source);
  const events = [...commits.map((commit) => commitEvent(commit, source)).reverse(), ...changes];

  const acknowledgement = watchAcknowledgement(context, signal);
  if (!(await hand(events, context, signal))) {
    acknowledgement.close();
    return nothing;
  }
  const tips = kinds.includes("commit") && repository.head !== undefined ? [repository.head] : before.tips;
  const state = { tips, refs: Object.fromEntries(refs.map((ref) => [refKey(ref), ref.id])) };
  // In its own time: `done` only means that the events have been handed over.
  const isUnchanged = JSON.stringify(state) === JSON.stringify(before);
  remember(
    new Promise((resolve) => {
      acknowledgement
        .whenAll(events.length, resolve)
        .then(async () => (isUnchanged ? undefined : await cursor?.save(state)))
        .catch((error: unknown) =>
          context.debug(`repository: not remembered as sent: ${error instanceof Error ? error.message : typeof error}`),
        )
        .finally(() => {
          acknowledgement.close();
          resolve();
        });
    }),
  );
  return { commits: commits.length, refs: changes.length };
}

function sourceOf(repository: RepositoryDir, { provider, repo }: RepositoryPluginOptions): RepositorySource {
  const remote = repository.remoteUrl === undefined ? undefined : parseRemote(repository.remoteUrl);
  const folder =
    basename(repository.commonDir) === ".git" ? basename(dirname(repository.commonDir)) : basename(repository.commonDir, ".git");
  return {
    provider: provider ?? remote?.provider ?? "local",
    repo: repo ?? remote?.repo ?? (folder || "repository"),
    webUrl: remote?.webUrl,
    branch: repository.branch,
  };
}

async function newCommits(
  repository: RepositoryDir,
  before: RepositoryState,
  { maxCommits = 1_000 }: RepositoryPluginOptions,
): Promise<readonly GitCommit[]> {
  if (repository.head === undefined) return [];
  const objects = await openObjects(join(repository.commonDir, "objects"), repository.idBytes);
  try {
    const readCommit = createCommitReader(objects, repository.shallow);
    return await readLog({ from: [repository.head], without: before.tips, maxCommits, readCommit });
  } finally {
    await objects.close();
  }
}

const commitsPerTurn = 100;

function createCommitReader(objects: ObjectStore, shallow: ReadonlySet<string>) {
  let count = 0;
  return async (id: string): Promise<GitCommit | undefined> => {
    // Objects in memory are read without waiting, which would keep the host from its own work.
    count += 1;
    if (count % commitsPerTurn === 0) await new Promise((resolve) => setImmediate(resolve));
    const object = await objects.read(id);
    if (object?.type !== "commit") return undefined;
    const commit = parseCommit(id, object.content);
    return commit && shallow.has(id) ? { ...commit, isBoundary: true } : commit;
  };
}

/** Emits with pauses, so that a long history does not push other events out of the client's queue. False when stopped meanwhile. */
async function hand(events: readonly EmittedEvent[], context: PluginContext, signal: AbortSignal): Promise<boolean> {
  for (const [index, event] of events.entries()) {
    if (index >= eventsBeforePause && index % eventsPerPause === 0) await pause(signal);
    if (signal.aborted) return false;
    context.emit(event);
  }
  return !signal.aborted;
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, pauseMs);
    timer.unref?.();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
