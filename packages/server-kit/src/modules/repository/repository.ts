// The repository module: what happened in Git: commits, branches, tags.
import { repositorySchema } from "@cuitty/wire-protocol/events/repository";
import { defineModule } from "../../module.ts";
import { eventRows, textOrNull } from "../shared/event-rows.ts";
import { eventStream } from "../shared/event-stream.ts";
import { equals, listEvents } from "../shared/list-events.ts";
import { checkModuleOptions, isDays } from "../shared/module-options.ts";
import { migrations } from "./migrations.ts";

export interface RepositoryOptions {
  /** Days an entry is kept after it was received; `0` keeps for ever: history is small and old commits are still asked for. @default 0 */
  readonly retentionDays?: number | undefined;
}

const table = "repository_events";

/** The repository module. A name of its own, so that a declaration file can write the type of a kit that has it. */
export interface RepositoryModule extends ReturnType<typeof makeRepositoryModule> {}

/** Stores `repository` events in `repository.db`; lists them at `/api/modules/repository/events`, streams them as topic `repository`. Errors: `unknown_option`, `invalid_option`. */
export function repository(options: RepositoryOptions = {}): RepositoryModule {
  return makeRepositoryModule(options);
}

function makeRepositoryModule(options: RepositoryOptions) {
  checkModuleOptions("repository", options, { retentionDays: isDays });
  const { retentionDays = 0 } = options;
  return defineModule({
    name: "repository",
    accepts: { repository: repositorySchema },
    migrations,
    ingest: (events, context) => ({
      statements: [
        eventRows(events, context, {
          table,
          columns: ["provider", "repo", "kind", "branch", "commit_id", "author"],
          valuesOf: (data) => [
            String(data.provider),
            String(data.repo),
            textOrNull(data.kind) ?? "commit",
            textOrNull(data.branch),
            textOrNull(data.commit),
            textOrNull(data.author),
          ],
        }),
      ],
    }),
    routes: [
      listEvents({
        table,
        type: "repository",
        operationId: "listRepositoryEvents",
        summary: "Commits, branches and tags, newest first",
        filters: {
          repo: equals("repo", "Only this repository."),
          branch: equals("branch", "Only this branch."),
          author: equals("author", "Only this author."),
          commit: equals("commit_id", "Only this commit."),
          kind: equals("kind", "commit, branch or tag."),
        },
      }),
    ],
    streams: [eventStream({ topic: "repository", table, type: "repository", index: "repository_events_seq" })],
    retention: [{ table, column: "received_at", days: retentionDays }],
  });
}
