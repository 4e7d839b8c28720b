// What a kit has stored, read from what its module has: its streams, or else the table of its events.
import assert from "node:assert/strict";
import type { ServerKit } from "../kit.ts";
import type { OpenModule } from "../modules.ts";

/** Ids of the events of a project in the order they were stored. `table` is asked only where there is no stream. */
export async function storedIds(kit: ServerKit, projectId: string, table?: string): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const opened of kit.modules.all) {
    const { streams = [] } = opened.definition;
    for (const { topic } of streams) ids.push(...(await kit.eventIds(topic, projectId)));
    if (streams.length === 0) ids.push(...(await idsInTable(opened, projectId, table)));
  }
  return ids;
}

async function idsInTable({ definition, file }: OpenModule, projectId: string, table?: string): Promise<readonly string[]> {
  const found = await file.all(
    `SELECT name FROM pragma_table_list AS tables WHERE schema = 'main' AND type = 'table' AND wr = 0 AND name NOT LIKE '\\_%' ESCAPE '\\'
      AND (SELECT count(*) FROM pragma_table_info(tables.name) WHERE name IN ('id', 'project_id')) = 2 ORDER BY name`,
  );
  const names = found.map(([name]) => String(name)).filter((name) => table === undefined || name === table);
  assert.equal(
    names.length,
    1,
    `moduleConformance needs to read the events of module ${definition.name}: it has no stream, so expected one table with a row for each event and the columns id and project_id${table === undefined ? "" : ` named ${table}`}, got ${names.length === 0 ? "none" : names.join(", ")}; give the module a stream, or name the table in the option table`,
  );
  const rows = await file.all(`SELECT id FROM "${names[0]?.replaceAll('"', '""')}" WHERE project_id = ? ORDER BY rowid`, [projectId]);
  return rows.map(([id]) => String(id));
}
