// For tests: a second migration that takes long enough to be killed in the middle.
import type { Migration } from "../../module-file/types.ts";

const rows = 20_000;
const fill = (batch: number) =>
  `INSERT INTO item (batch, text) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows}) SELECT ${batch}, 'row ' || i FROM n`;

export const rowsPerBatch = rows;
export const batches = 15;

export const slowMigrations: readonly Migration[] = [
  {
    version: 1,
    name: "start",
    statements: ["CREATE TABLE item (id INTEGER PRIMARY KEY, batch INTEGER NOT NULL, text TEXT NOT NULL)", fill(0)],
  },
  {
    version: 2,
    name: "slow",
    statements: [
      "CREATE INDEX item_text ON item (text)",
      ...Array.from({ length: batches }, (_, index) => fill(index + 1)),
      "ALTER TABLE item ADD COLUMN done INTEGER NOT NULL DEFAULT 1",
    ],
  },
];
