// Level names to severity numbers, so that "warn and worse" is one comparison.

/** The number of each level. Source: OpenTelemetry logs data model, SeverityNumber. */
export const SEVERITY = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 } as const;

export type LogLevel = keyof typeof SEVERITY;

/** From the least to the most severe. */
export const LOG_LEVELS = Object.keys(SEVERITY) as readonly LogLevel[];

// What syslog, winston, Python, .NET and Java call them.
const synonyms = new Map<string, number>([
  ...Object.entries(SEVERITY),
  ["finest", SEVERITY.trace],
  ["finer", SEVERITY.trace],
  ["silly", SEVERITY.trace],
  ["fine", SEVERITY.debug],
  ["verbose", SEVERITY.debug],
  ["information", SEVERITY.info],
  ["notice", 10],
  ["warning", SEVERITY.warn],
  ["err", SEVERITY.error],
  ["severe", SEVERITY.error],
  ["critical", SEVERITY.fatal],
  ["crit", SEVERITY.fatal],
  ["alert", 22],
  ["emergency", 23],
  ["emerg", 23],
  ["panic", 23],
]);

/** Severity of a level name, in any case: 1 (trace) to 24; a name of the sender's own counts as info. */
export function levelToSeverity(level: string): number {
  return synonyms.get(level) ?? synonyms.get(level.toLowerCase()) ?? SEVERITY.info;
}

/** Whether a level, by any of its names and in any case, is an error or worse. */
export function isErrorLevel(level: unknown): boolean {
  return typeof level === "string" && levelToSeverity(level) >= SEVERITY.error;
}
