// Level names to severity numbers, so that "warn and worse" is one comparison.

/** The number of each level. Source: OpenTelemetry logs data model, SeverityNumber. */
export const SEVERITY = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 } as const;

export type LogLevel = keyof typeof SEVERITY;

export const severityNames = Object.keys(SEVERITY) as LogLevel[];

/** From each level's number to the last one before the next level: what lies between counts as the lower one. */
export function severityRange(level: LogLevel): { readonly from: number; readonly to: number } {
  return { from: SEVERITY[level], to: SEVERITY[level] + 3 };
}

/** Where warnings begin; the partial index of the migrations is cut here. */
export const warnSeverity = SEVERITY.warn;

// What syslog, Python and others call them.
const synonyms = new Map<string, number>([
  ...Object.entries(SEVERITY),
  ["verbose", SEVERITY.debug],
  ["information", SEVERITY.info],
  ["notice", 10],
  ["warning", SEVERITY.warn],
  ["err", SEVERITY.error],
  ["critical", SEVERITY.fatal],
  ["alert", 22],
  ["emergency", 23],
]);

/** Severity of a level name, in any case; a name of the sender's own counts as info. */
export function levelToSeverity(level: string): number {
  return synonyms.get(level) ?? synonyms.get(level.toLowerCase()) ?? SEVERITY.info;
}
