// The row of an upload: it names the chunks stored so far, and which put goes on with them. Tabs and processes may not know of each other's puts.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { type Observed, untilUnchanged } from "../core/observed.ts";
import { jsonOf } from "../core/row.ts";
import type { RowChange, Rows } from "../core/rows.ts";
import { type Content, newContentId } from "./blob-content.ts";

export interface UploadRow extends Content {
  /** When it was last written. Units: ms since 1970. */
  readonly atMs: number;
  /** The put that wrote it last. */
  readonly by?: string;
}

/** A put's hold on the row of its upload. Errors of its methods: `conflict` when another put has the upload, or has dropped it: chunks may be gone. */
export interface Claim {
  readonly id: string;
  /** Takes up the upload that was found, as far as its chunks are whole; the changes drop the others. */
  take(left: UploadRow, count: number, cut: readonly RowChange[]): Promise<void>;
  /** Stores chunks, with the row that counts them. */
  store(chunks: readonly RowChange[], count: number): Promise<void>;
  /** Changes that forget the upload, when its blob gets its name. */
  end(observed: Observed): Promise<RowChange[]>;
}

export interface ClaimParts {
  readonly rows: Rows;
  readonly key: string;
  readonly id: string;
  readonly clock: () => number;
}

export async function findUpload(from: Pick<Observed, "get">, key: string): Promise<UploadRow | undefined> {
  const row = await from.get({ facet: "uploads", path: key });
  return row && (jsonOf(row) as UploadRow);
}

export function forgetUpload(key: string): RowChange {
  return { type: "delete", address: { facet: "uploads", path: key } };
}

export function createClaim({ rows, key, id, clock }: ClaimParts): Claim {
  const by = newContentId();
  let hasRow = false;

  async function write(chunkChanges: readonly RowChange[], count: number, isOurs: (row: UploadRow | undefined) => boolean): Promise<void> {
    await untilUnchanged(rows, async (observed) => {
      if (!isOurs(await findUpload(observed, key))) throw takenOver();
      const row: UploadRow = { id, chunks: count, atMs: clock(), by };
      const noted: RowChange = { type: "put", address: { facet: "uploads", path: key }, row: { json: JSON.stringify(row) } };
      return { changes: [...chunkChanges, noted], result: undefined };
    });
    hasRow = true;
  }

  const isStillOurs = (row: UploadRow | undefined) => (hasRow ? row?.by === by : row === undefined);
  return {
    id,
    take: (left, count, cut) => write(cut, count, (row) => row?.id === left.id && row.by === left.by),
    store: (chunks, count) => write(chunks, count, isStillOurs),
    async end(observed) {
      // A small blob never had one; a row that is there now is another put's.
      if (!hasRow) return [];
      if (!isStillOurs(await findUpload(observed, key))) throw takenOver();
      return [forgetUpload(key)];
    },
  };
}

/** Nothing is deleted then: the chunks went with the row, or belong to the put that took the upload up. */
function takenOver(): CuittyError {
  return new CuittyError("conflict", "another tab or process put a blob of the same key meanwhile; put it again if this one is to count", {
    retryable: true,
  });
}
