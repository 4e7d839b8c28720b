// Copies data as JSON would see it, with secrets replaced.
import { redactAssigned } from "./assigned.ts";
import { redactMembers } from "./members.ts";
import { REDACTED, redactText } from "./secret-text.ts";
import { type ExtraKeys, isSecretHolder, isSensitiveKey } from "./sensitive-key.ts";

export interface RedactorOptions {
  readonly keys: ExtraKeys;
  /** Further patterns of secret text. */
  readonly patterns: readonly RegExp[];
}

const maxDepth = 40;
const maxNodes = 100_000;
const maxKnownKeys = 4_096;
const maxKnownChars = 64;

/** What is known of a name of members. */
interface Name {
  /** The name without secrets. */
  readonly clean: string;
  readonly isSensitive: boolean;
  /** Its texts and lists are secret. */
  readonly isHolder: boolean;
}

/**
 * Makes copies in which values of sensitive keys, and secrets inside of strings, are `[redacted]`. The original is not touched. What JSON writes through
 * `toJSON` is looked into as well; what is nested too deep, circular or unreadable becomes a marker, since it could not be checked.
 */
export function createRedactor({ keys, patterns }: RedactorOptions): (value: unknown) => unknown {
  // Names repeat from event to event, and splitting them into words costs more than all the rest.
  const known = new Map<string, Name>();
  const extra = patterns.map((pattern) => new RegExp(pattern.source, pattern.flags.includes("g") ? pattern.flags : `${pattern.flags}g`));

  function nameOf(key: string): Name {
    const before = known.get(key);
    if (before !== undefined) return before;
    const found = { clean: clean(key), isSensitive: isSensitiveKey(key, keys), isHolder: isSecretHolder(key) };
    if (known.size < maxKnownKeys && key.length <= maxKnownChars) known.set(key, found);
    return found;
  }

  function clean(text: string): string {
    const isSecret = (name: string, value: string) => nameOf(name).isSensitive || (nameOf(name).isHolder && isSecretText(value));
    let result = redactAssigned(redactMembers(redactText(text), isSecret), (name) => nameOf(name).isSensitive);
    for (const pattern of extra) result = result.replace(pattern, REDACTED);
    return result;
  }

  const isSecretName = (value: unknown): boolean =>
    typeof value === "string" && value.length <= maxKnownChars && isSensitiveKey(value, keys);

  /** Headers and forms are also told as `{ name, value }`. A number is what is measured under that name. */
  const isLabelledSecret = (object: { name?: unknown; key?: unknown; value?: unknown }): boolean =>
    Object.hasOwn(object, "value") && typeof object.value === "string" && (isSecretName(object.name) || isSecretName(object.key));

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
      if (Array.isArray(value)) return copyList(value);
      const isLabelled = isLabelledSecret(value);
      const result: Record<string, unknown> = {};
      for (const [index, key] of Object.keys(value).entries()) {
        const { clean: name, isSensitive, isHolder } = nameOf(key);
        const isMasked = isSensitive || (isLabelled && key === "value");
        setOwn(result, freeName(result, name, index), isMasked ? mask(value, key) : copyMember(value, key, isHolder));
      }
      return result;
    }

    /** One of a list of entries, such as those of headers, may be a name and what it stands for. */
    function copyList(list: readonly unknown[]): unknown[] {
      const isEntry = list.length === 2 && isSecretName(list[0]) && Array.isArray(parents.at(-2));
      return list.map((member, index) => (isEntry && index === 1 && typeof member === "string" ? REDACTED : copy(member)));
    }

    function copyMember(value: object, key: string, isHolder: boolean): unknown {
      try {
        const member = (value as Record<string, unknown>)[key];
        return isHolder && isSecret(member) ? REDACTED : copy(member);
      } catch {
        return "[unreadable]";
      }
    }

    return copy(root);
  };
}

/** Two names that are secrets are two members. */
const freeName = (target: object, name: string, index: number): string => (Object.hasOwn(target, name) ? `${name} ${index}` : name);

/** Digits are a number of tokens. */
const isSecretText = (value: unknown): boolean => typeof value === "string" && !/^\d*$/.test(value);
const isSecret = (value: unknown): boolean => (Array.isArray(value) ? value.some(isSecretText) : isSecretText(value));

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
