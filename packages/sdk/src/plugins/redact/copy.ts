// Copies data as JSON would see it, with secrets replaced.
import { REDACTED, redactText } from "./secret-text.ts";
import { type ExtraKeys, isSensitiveKey } from "./sensitive-key.ts";

export interface RedactorOptions {
  readonly keys: ExtraKeys;
  /** Further patterns of secret text. */
  readonly patterns: readonly RegExp[];
}

const maxDepth = 40;
const maxNodes = 100_000;
const maxKnownKeys = 4_096;

/**
 * Makes copies in which values of sensitive keys, and secrets inside of strings, are `[redacted]`. The original is not touched. What JSON writes through
 * `toJSON` is looked into as well; what is nested too deep, circular or unreadable becomes a marker, since it could not be checked.
 */
export function createRedactor({ keys, patterns }: RedactorOptions): (value: unknown) => unknown {
  // Names repeat from event to event, and splitting them into words costs more than all the rest.
  const known = new Map<string, boolean>();
  const extra = patterns.map((pattern) => new RegExp(pattern.source, pattern.flags.includes("g") ? pattern.flags : `${pattern.flags}g`));

  function isSensitive(key: string): boolean {
    const before = known.get(key);
    if (before !== undefined) return before;
    const found = isSensitiveKey(key, keys);
    if (known.size < maxKnownKeys) known.set(key, found);
    return found;
  }

  function clean(text: string): string {
    let result = redactText(text);
    for (const pattern of extra) result = result.replace(pattern, REDACTED);
    return result;
  }

  return (root) => {
    let nodes = 0;
    const parents: object[] = [];

    function copy(value: unknown): unknown {
      if (typeof value === "string") return clean(value);
      if (typeof value !== "object" || value === null) return value;
      nodes += 1;
      if (parents.includes(value)) return "[circular]";
      if (parents.length >= maxDepth || nodes > maxNodes) return "[too deep]";
      parents.push(value);
      try {
        return copyObject(value);
      } catch {
        return "[unreadable]";
      } finally {
        parents.pop();
      }
    }

    function copyObject(value: object): unknown {
      const { toJSON } = value as { toJSON?: unknown };
      if (typeof toJSON === "function") {
        const plain: unknown = toJSON.call(value);
        if (plain !== value) return copy(plain);
      }
      if (Array.isArray(value)) return value.map(copy);
      const result: Record<string, unknown> = {};
      for (const key of Object.keys(value)) setOwn(result, key, isSensitive(key) ? mask(value, key) : copyMember(value, key));
      return result;
    }

    function copyMember(value: object, key: string): unknown {
      try {
        return copy((value as Record<string, unknown>)[key]);
      } catch {
        return "[unreadable]";
      }
    }

    return copy(root);
  };
}

/** A flag says nothing about the secret, and an absent value is worth knowing. */
function mask(value: object, key: string): unknown {
  const member = (value as Record<string, unknown>)[key];
  return member === undefined || member === null || typeof member === "boolean" ? member : REDACTED;
}

// `__proto__` is a name like any other in JSON.
function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
  else target[key] = value;
}
