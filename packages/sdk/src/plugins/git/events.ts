// Commits and refs as `repository` events.
import type { EmittedEvent } from "../../plugin.ts";
import type { GitCommit } from "./commit.ts";
import type { Remote } from "./remote-url.ts";
import type { GitRef } from "./repository-dir.ts";

/** What all events of one repository share. */
export interface RepositorySource extends Remote {
  readonly branch: string | undefined;
}

// Path of a commit's page below the repository's; other hosts have their own ways.
const commitPaths: Readonly<Record<string, string>> = { github: "commit", gitlab: "-/commit", bitbucket: "commits", codeberg: "commit" };

export function commitEvent(commit: GitCommit, { provider, repo, branch, webUrl }: RepositorySource): EmittedEvent {
  const path = commitPaths[provider];
  return {
    type: "repository",
    timestamp: new Date(commit.committedAt).toISOString(),
    data: {
      provider,
      repo,
      kind: "commit",
      branch,
      commit: commit.id,
      author: commit.author,
      authorEmail: commit.authorEmail || undefined,
      message: commit.message,
      parents: commit.parents,
      committedAt: commit.committedAt,
      url: webUrl === undefined || path === undefined ? undefined : `${webUrl}/${path}/${commit.id}`,
    },
  };
}

/** Key of a ref in the saved state. */
export function refKey(ref: GitRef): string {
  return `${ref.kind}:${ref.name}`;
}

/** One event for each ref that is new, has moved or is gone since `before`. */
export function refEvents(
  refs: readonly GitRef[],
  before: Readonly<Record<string, string>>,
  source: RepositorySource,
): readonly EmittedEvent[] {
  const { provider, repo } = source;
  const seen = new Set(refs.map(refKey));
  const changed = refs
    .filter((ref) => before[refKey(ref)] !== ref.id)
    .map((ref) => ({
      kind: ref.kind,
      name: ref.name,
      commit: ref.peeled ?? ref.id,
      action: Object.hasOwn(before, refKey(ref)) ? "updated" : "created",
    }));
  const gone = Object.entries(before)
    .filter(([key]) => !seen.has(key))
    .map(([key, id]) => ({ kind: key.slice(0, key.indexOf(":")), name: key.slice(key.indexOf(":") + 1), commit: id, action: "deleted" }));
  return [...changed, ...gone].map(({ kind, name, commit, action }) => ({
    type: "repository",
    data: { provider, repo, kind, [kind]: name, commit, action },
  }));
}
