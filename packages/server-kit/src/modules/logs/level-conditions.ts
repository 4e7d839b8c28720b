// Levels as conditions on rows, in a form that uses the short index of warnings and worse.
import { CuittyError } from "@cuitty/wire-protocol";
import type { SqlCondition } from "../shared/list-events.ts";
import { levelToSeverity, SEVERITY, severityNames, warnSeverity } from "./severity.ts";

// A literal, not a parameter: only then does SQLite see that the partial index of warnings, short however many records there are, holds all rows asked for.
const warningsOnly = (severity: number): string => (severity >= warnSeverity ? `severity >= ${warnSeverity} AND ` : "");

/** Records of exactly this level, as sent. */
export function equalLevel(level: string): SqlCondition {
  return { sql: `${warningsOnly(levelToSeverity(level))}level = ?`, params: [level] };
}

/** Records at least this severe. Errors: `invalid_request` for a name that has no place in the order. */
export function minLevel(level: string): SqlCondition {
  if (!Object.hasOwn(SEVERITY, level)) throw new CuittyError("invalid_request", `level: expected one of ${severityNames.join(", ")}`);
  const severity = SEVERITY[level as keyof typeof SEVERITY];
  return { sql: `${warningsOnly(severity)}severity >= ?`, params: [severity] };
}
