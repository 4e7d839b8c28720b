// Data of a `deploy` event: one state of one deployment.
import { type Static, Type } from "@sinclair/typebox";
import { identifier, number, stringMap, text, traceContext } from "./fields.ts";

/** Source: wire protocol, "deploy"; module page "Deploys" for `duration`. */
export const deploySchema = Type.Object(
  {
    service: identifier("What was deployed."),
    version: identifier("Version that was deployed."),
    environment: identifier("Where to, such as `production`."),
    status: identifier("pending, running, succeeded, failed, cancelled, superseded or rolled_back."),
    commit: Type.Optional(text("Commit that was deployed.")),
    duration: Type.Optional(number("Units: s.")),
    externalId: Type.Optional(text("Id of the deployment at its origin; events with one id are states of one deployment.")),
    rollbackOf: Type.Optional(text("`externalId` or version of the deployment that this one takes back.")),
    previousVersion: Type.Optional(text("Version that was live before.")),
    startedAt: Type.Optional(text("RFC 3339.")),
    finishedAt: Type.Optional(text("RFC 3339.")),
    actor: Type.Optional(text("Who or what started it.")),
    provider: Type.Optional(text("CI system: github-actions, gitlab-ci, circleci, buildkite, ...")),
    repository: Type.Optional(text("Repository such as `acme/api`.")),
    branch: Type.Optional(text("Branch that was deployed.")),
    url: Type.Optional(text("Page of the run, or of what was deployed.")),
    reason: Type.Optional(text("Why it failed, or why it was done.")),
    committedAt: Type.Optional(text("RFC 3339 time of the commit, for lead time.")),
    tags: Type.Optional(stringMap("Labels.")),
    ...traceContext,
  },
  { title: "DeployData", description: "One state of one deployment." },
);

export type DeployData = Static<typeof deploySchema>;
