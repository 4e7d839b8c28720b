// Formats of a store: what this release writes, and the steps that bring an older one up to it.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { type AdapterOp, capabilitiesOf, type PersistAdapter } from "../adapter.ts";

/** Turns the rows of one format into the next. Runs again from its start after a crash, so what it changes must be recognisable. */
export interface FormatStep {
  readonly name: string;
  /** The changes to make; they are committed together with the new format number where the adapter can. */
  run(adapter: PersistAdapter): Promise<readonly AdapterOp[]>;
}

/** `formatSteps[0]` makes format 2 of format 1, and so on. Released steps are never changed. */
export const formatSteps: readonly FormatStep[] = [];

/** Format this release writes. */
export const currentFormat = 1 + formatSteps.length;

/** Errors: `newer_format`; nothing was written. */
export function assertKnownFormat(format: number, known = currentFormat): void {
  if (format <= known) return;
  throw new CuittyError(
    "newer_format",
    `the store has format ${format}, this release reads up to ${known}; nothing was written: upgrade @cuitty/persist`,
    { details: { format, supported: known } },
  );
}

export interface Migration {
  readonly adapter: PersistAdapter;
  readonly from: number;
  readonly steps?: readonly FormatStep[];
  /** The change that writes the manifest with a format number. */
  manifestOp(format: number): Promise<AdapterOp>;
}

/** One step a transaction. Errors: `migration_failed` naming the step; the store stays at the format before it. */
export async function migrateFormat({ adapter, from, steps = formatSteps, manifestOp }: Migration): Promise<void> {
  for (let format = from; format < 1 + steps.length; format++) {
    const step = steps[format - 1]!;
    try {
      // The manifest comes last: without atomic batches a crash leaves the old number, and the step runs again.
      await applyOps(adapter, [...(await step.run(adapter)), await manifestOp(format + 1)]);
    } catch (cause) {
      throw new CuittyError(
        "migration_failed",
        `the step to format ${format + 1} (${step.name}) failed; the store is still at format ${format}`,
        { cause },
      );
    }
  }
}

async function applyOps(adapter: PersistAdapter, ops: readonly AdapterOp[]): Promise<void> {
  if (capabilitiesOf(adapter).atomicBatch) {
    await adapter.batch!(ops);
    return;
  }
  for (const op of ops) await (op.type === "put" ? adapter.put(op.key, op.value) : adapter.delete(op.key));
}
