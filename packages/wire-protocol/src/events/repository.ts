// Data of a `repository` event: a commit, branch or tag.
import { type Static, Type } from "@sinclair/typebox";
import { identifier, integer, text } from "./fields.ts";

/** Source: wire protocol, "repository". */
export const repositorySchema = Type.Object(
  {
    provider: identifier("Where the repository lives: github, gitlab, local, ..."),
    repo: identifier("Repository such as `acme/api`."),
    branch: Type.Optional(text("Branch.")),
    commit: Type.Optional(text("Commit id.")),
    author: Type.Optional(text("Who wrote it.")),
    authorEmail: Type.Optional(text("Address of the author.")),
    kind: Type.Optional(text("commit (the default), branch or tag.")),
    action: Type.Optional(text("created (the default), updated or deleted.")),
    tag: Type.Optional(text("Tag.")),
    message: Type.Optional(text("Commit message.")),
    parents: Type.Optional(Type.Array(Type.String(), { description: "Ids of the parent commits." })),
    committedAt: Type.Optional(text("RFC 3339 time of the commit.")),
    additions: Type.Optional(integer("Lines added.")),
    deletions: Type.Optional(integer("Lines removed.")),
    filesChanged: Type.Optional(integer("Files touched.")),
    url: Type.Optional(text("Page of the commit, branch or tag.")),
  },
  { title: "RepositoryData", description: "A commit, branch or tag of a repository." },
);

export type RepositoryData = Static<typeof repositorySchema>;
