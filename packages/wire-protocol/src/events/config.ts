// Data of a `config` event: a configuration file changed.
import { type Static, Type } from "@sinclair/typebox";
import { identifier, integer, text } from "./fields.ts";

const path = identifier("File, relative to its project.");
const diff = text("Unified diff from the previous version.");
const content = text("Whole new content; makes snapshots and rollback possible.");
const contentHash = identifier("Hex SHA-256 of the new content.");

const details = {
  actor: Type.Optional(text("Who changed it.")),
  prevHash: Type.Optional(text("Hex SHA-256 of the content before.")),
  format: Type.Optional(text("toml, json, yaml, env, ini, ...")),
  action: Type.Optional(text("updated (the default), created or deleted.")),
  bytes: Type.Optional(integer("Size of the new content.")),
  service: Type.Optional(text("Program that reads the file.")),
  environment: Type.Optional(text("Such as `production`.")),
  host: Type.Optional(text("Machine that has the file.")),
  commit: Type.Optional(text("Commit that changed it.")),
  reason: Type.Optional(text("Why it was changed.")),
};

const optionalContent = { content: Type.Optional(content), contentHash: Type.Optional(contentHash) };

/** Names the file and at least one of `diff`, `content` and `contentHash`. Source: wire protocol, "config". */
export const configSchema = Type.Union(
  [
    Type.Object({ path, diff, ...details, ...optionalContent }, { title: "ConfigDiff" }),
    Type.Object(
      { path, content, ...details, diff: Type.Optional(diff), contentHash: Type.Optional(contentHash) },
      { title: "ConfigContent" },
    ),
    Type.Object({ path, contentHash, ...details, diff: Type.Optional(diff), content: Type.Optional(content) }, { title: "ConfigHash" }),
  ],
  { title: "ConfigData", description: "A configuration file changed: what it is now, or how it differs from before." },
);

export type ConfigData = Static<typeof configSchema>;
