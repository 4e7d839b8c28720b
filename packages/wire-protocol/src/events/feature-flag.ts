// Data of a `feature_flag` event: a flag as it is after a change.
import { type Static, Type } from "@sinclair/typebox";
import { identifier, integer, openObject, text } from "./fields.ts";

/** Source: wire protocol, "feature_flag"; module page "Feature Flags". */
export const featureFlagSchema = Type.Object(
  {
    key: identifier("The flag."),
    enabled: Type.Boolean({ description: "A disabled flag is false for everybody." }),
    rollout: Type.Optional(Type.Number({ minimum: 0, maximum: 100, description: "Units: percent of users." })),
    actor: Type.Optional(text("Who changed it.")),
    killed: Type.Optional(Type.Boolean({ description: "A killed flag is false for everybody, whatever else it says." })),
    cohorts: Type.Optional(openObject("Dimension to list of allowed values; a non-empty one must match.")),
    variants: Type.Optional(openObject("Name to value.")),
    version: Type.Optional(integer("Version of the flag.")),
    environment: Type.Optional(text("Such as `production`.")),
    reason: Type.Optional(text("Why it was changed.")),
    before: Type.Optional(Type.Unknown({ description: "The flag before the change." })),
    after: Type.Optional(Type.Unknown({ description: "The flag after the change." })),
  },
  { title: "FeatureFlagData", description: "A flag as it is after a change." },
);

export type FeatureFlagData = Static<typeof featureFlagSchema>;
