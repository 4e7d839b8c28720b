// Data of a `video` event: a browser recording that has finished.
import { type Static, Type } from "@sinclair/typebox";
import { identifier, integer, listOf, number, openObject, text } from "./fields.ts";

/** Source: wire protocol, "video"; module page "Video". */
export const videoSchema = Type.Object(
  {
    jobId: identifier("The recording job."),
    status: identifier("completed, failed or cancelled."),
    targetUrl: Type.Optional(text("Page that was recorded.")),
    artifactUrl: Type.Optional(text("Where the recording is.")),
    prompt: Type.Optional(text("What the job was asked to do.")),
    durationMs: Type.Optional(number("Length of the run. Units: ms.")),
    format: Type.Optional(text("Such as `mp4` or `webm`.")),
    bytes: Type.Optional(integer("Size of the recording.")),
    steps: Type.Optional(listOf(openObject("One step."), "Steps with their status.")),
    error: Type.Optional(text("Why it failed.")),
    startedAt: Type.Optional(text("RFC 3339.")),
    finishedAt: Type.Optional(text("RFC 3339.")),
  },
  { title: "VideoData", description: "A browser recording that has finished." },
);

export type VideoData = Static<typeof videoSchema>;
