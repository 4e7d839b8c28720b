// Writes a batch under each of many keys; a file that is locked is tried again.
import type { OpenModule } from "@cuitty/server-kit";
import { isCuittyError } from "@cuitty/wire-protocol";

export interface KeyCounts {
  written: number;
  replayed: number;
}

export async function writeKeys(module: OpenModule, keys: number): Promise<KeyCounts> {
  const counts: KeyCounts = { written: 0, replayed: 0 };
  for (let index = 0; index < keys; index += 1) {
    for (;;) {
      try {
        const nowMs = Date.now();
        const event = {
          index: 0,
          id: crypto.randomUUID(),
          type: "log",
          ts: new Date(nowMs).toISOString(),
          tsMs: nowMs,
          data: { level: "info", message: `m${index}` },
          meta: null,
          receivedAtMs: nowMs,
          isSkewed: false,
        };
        const plan = module.definition.ingest([event], { projectId: "p", nowMs });
        const outcome = await module.file.write({
          projectId: "p",
          idempotencyKey: `key-${index}`,
          fingerprint: new Uint8Array(32),
          statements: plan.statements,
          nowMs,
        });
        if (outcome.status !== "mismatch") counts[outcome.status] += 1;
        break;
      } catch (error) {
        if (!isCuittyError(error, "busy")) throw error;
      }
    }
  }
  return counts;
}
