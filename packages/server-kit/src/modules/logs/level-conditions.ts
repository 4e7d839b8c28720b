// Levels as conditions on rows, in a form that uses the short index of warnings and worse.
import { CuittyError } from "@cuitty/wire-protocol";
import { LOG_LEVELS, levelToSeverity, SEVERITY } from "@cuitty/wire-protocol/severity";
import type { SqlCondition } from "../shared/list-events.ts";

// A literal, not a parameter: only then does SQLite see that the partial index of warnings, short however many records there are, holds all rows asked for.
const warningsOnly = (severity: number): string => (severity >= SEVERITY.warn ? `severity >= ${SEVERITY.warn} AND ` : "");

/** Records of exactly this level, as sent. */
export function equalLevel(level: string): SqlCondition {
  return { sql: `${warningsOnly(levelToSeverity(level))}level = ?`, params: [level] };
}

/** Records at least this severe; `name` is what was asked with. Errors: `invalid_request` for a level that has no place in the order. */
export function minLevel(name: string, level: string): SqlCondition {
  if (!Object.hasOwn(SEVERITY, level)) {
    const got = JSON.stringify(level.slice(0, 40));
    throw new CuittyError("invalid_request", `${name}: expected one of ${LOG_LEVELS.join(", ")}, got ${got}`);
  }
  const severity = SEVERITY[level as keyof typeof SEVERITY];
  return { sql: `${warningsOnly(severity)}severity >= ?`, params: [severity] };
}
