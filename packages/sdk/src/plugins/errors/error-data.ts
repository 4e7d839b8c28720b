// Reads an exception, whatever was thrown, into plain data: name, message, stack, code, causes.

export interface ErrorShape {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string | number;
  readonly cause?: ErrorShape;
  /** Members of an AggregateError. */
  readonly errors?: readonly ErrorShape[];
}

const maxDepth = 5;
const maxMembers = 10;
const maxMessageChars = 8_192;
const maxStackChars = 32_768;

/** Never throws: what cannot be read is left out. Causes are followed five deep and never in a circle. */
export function readError(thrown: unknown, parents: readonly unknown[] = []): ErrorShape {
  if (!isErrorLike(thrown)) return { name: nameOfValue(thrown), message: clip(textOfValue(thrown), maxMessageChars) };
  const chain = [...parents, thrown];
  const stack = read(thrown, "stack");
  const code = read(thrown, "code");
  const cause = read(thrown, "cause");
  const members = read(thrown, "errors");
  const canFollow = (value: unknown) => value !== undefined && value !== null && chain.length < maxDepth && !chain.includes(value);
  return {
    name: text(read(thrown, "name")) || text(read(read(thrown, "constructor"), "name")) || "Error",
    message: clip(text(read(thrown, "message")) ?? "", maxMessageChars),
    stack: typeof stack === "string" ? clip(stack, maxStackChars) : undefined,
    code: typeof code === "string" || (typeof code === "number" && Number.isFinite(code)) ? code : undefined,
    cause: canFollow(cause) ? readError(cause, chain) : undefined,
    errors: Array.isArray(members)
      ? members
          .slice(0, maxMembers)
          .filter(canFollow)
          .map((member) => readError(member, chain))
      : undefined,
  };
}

function isErrorLike(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  try {
    return value instanceof Error || (typeof read(value, "message") === "string" && typeof read(value, "stack") === "string");
  } catch {
    return false;
  }
}

function read(from: unknown, key: string): unknown {
  try {
    return (from as Record<string, unknown> | undefined)?.[key];
  } catch {
    return undefined;
  }
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

// `throw "text"` and `Promise.reject(undefined)` happen.
function nameOfValue(value: unknown): string {
  if (value === null || typeof value !== "object") return `Thrown ${value === null ? "null" : typeof value}`;
  return text(read(read(value, "constructor"), "name")) || "Object";
}

function textOfValue(value: unknown): string {
  try {
    const message = typeof value === "object" && value !== null ? read(value, "message") : undefined;
    if (typeof message === "string") return message;
    return typeof value === "object" && value !== null ? (JSON.stringify(value) ?? "") : String(value);
  } catch {
    return "a value that cannot be shown";
  }
}

function clip(value: string, maxChars: number): string {
  return value.length > maxChars ? `${value.slice(0, maxChars)}…` : value;
}
