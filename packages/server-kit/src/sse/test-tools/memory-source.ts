// A durable-enough stream for tests of the live streams alone: rows in memory, several projects in one sequence as in a file.
import type { ModuleFile } from "@cuitty/storage/module-file";
import { type Bus, streamTopic } from "../../bus.ts";
import type { StreamRow } from "../../module.ts";
import type { TopicSource } from "../topic-tail.ts";

export interface MemorySource extends TopicSource {
  append(projectId: string, data?: unknown): StreamRow;
  /** Removes the oldest rows, as retention does. */
  prune(upToSeq: number): void;
  /** Pages read so far. */
  pages(): number;
}

export function createMemorySource(topic: string, bus: Bus): MemorySource {
  let rows: { projectId: string; row: StreamRow }[] = [];
  let lastSeq = 0;
  let pages = 0;
  const ofProject = (projectId: string): StreamRow[] => rows.filter((entry) => entry.projectId === projectId).map(({ row }) => row);
  return {
    // The source below never touches it.
    file: {} as ModuleFile,
    source: {
      topic,
      async page(_file, { projectId, afterSeq, limit }) {
        pages++;
        const found = ofProject(projectId).filter(({ seq }) => seq > afterSeq);
        return found.slice(0, limit);
      },
      async range(_file, projectId) {
        const mine = ofProject(projectId);
        return { oldestSeq: mine[0]?.seq ?? 0, newestSeq: mine.at(-1)?.seq ?? 0 };
      },
    },
    append(projectId, data = {}) {
      const seq = ++lastSeq;
      const row = { seq, id: `event-${topic}-${seq}`, type: topic, ts: "2026-01-02T03:04:05.678Z", dataJson: JSON.stringify(data) };
      rows.push({ projectId, row });
      bus.publish(streamTopic(topic, projectId), { seq });
      return row;
    },
    prune(upToSeq) {
      rows = rows.filter(({ row }) => row.seq > upToSeq);
    },
    pages: () => pages,
  };
}
