// Log levels: pino's numbers, the wire's names, and which of them is enough.

/** Pino's standard levels. Source: pino, "Log Level". */
export const LEVEL_NUMBERS = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 } as const;

export type LevelName = keyof typeof LEVEL_NUMBERS;

/** Name of a level number; one between two standard levels counts as the lower. */
export function levelName(number: number): LevelName {
  if (number >= LEVEL_NUMBERS.fatal) return "fatal";
  if (number >= LEVEL_NUMBERS.error) return "error";
  if (number >= LEVEL_NUMBERS.warn) return "warn";
  if (number >= LEVEL_NUMBERS.info) return "info";
  return number >= LEVEL_NUMBERS.debug ? "debug" : "trace";
}

/** Number of a level name (any case), or undefined for one that is not standard. */
export function levelNumber(name: string): number | undefined {
  const key = name.toLowerCase();
  return Object.hasOwn(LEVEL_NUMBERS, key) ? LEVEL_NUMBERS[key as LevelName] : undefined;
}
