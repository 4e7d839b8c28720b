// Which topics a stream has: those that were named, or all that its reader may read. No stream is ever without a topic.
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol";

export interface TopicChoice {
  /** What is served here: topic to the name of its module. */
  readonly moduleByTopic: ReadonlyMap<string, string>;
  /** What the request names; null for all that may be read. */
  readonly named: readonly string[] | null;
  /** Asked once a module. Errors: `not_found`, `insufficient_scope` for what may not be read; anything else ends the choice. */
  readonly checkRead: (moduleName: string) => Promise<void>;
  /** Leaves out named topics that may not be read, as long as one is left. @default false: they are refused */
  readonly isPartial?: boolean;
}

/**
 * In the order they were named. A reader who may read nothing learns nothing: a topic that is not here is told only after that.
 * **Errors**: `not_found` where nothing has a stream, those of `checkRead`, `invalid_request` for a topic that is not here.
 */
export async function chooseTopics({ moduleByTopic, named, checkRead, isPartial = false }: TopicChoice): Promise<readonly string[]> {
  if (moduleByTopic.size === 0) throw new CuittyError("not_found", "Nothing here has a live stream");
  const served = [...new Set(named)].filter((topic) => moduleByTopic.has(topic));
  const asked = served.length > 0 ? served : [...moduleByTopic.keys()];
  const readable: string[] = [];
  const refusals = await refusalsOf(new Set(asked.map((topic) => moduleByTopic.get(topic) as string)), checkRead);
  for (const topic of asked) if (!refusals.has(moduleByTopic.get(topic) as string)) readable.push(topic);
  const [refusal] = refusals.values();
  const mustHaveAll = served.length > 0 && !isPartial;
  if (refusal !== undefined && (mustHaveAll || readable.length === 0)) throw refusal;
  const unknown = named?.find((topic) => !moduleByTopic.has(topic));
  if (unknown !== undefined) throw unknownTopic(unknown, moduleByTopic.keys());
  return readable;
}

async function refusalsOf(names: ReadonlySet<string>, checkRead: TopicChoice["checkRead"]): Promise<Map<string, CuittyError>> {
  const refusals = new Map<string, CuittyError>();
  for (const name of names) {
    try {
      await checkRead(name);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      refusals.set(name, error);
    }
  }
  return refusals;
}

/** Whether an error says that something may not be read, and not that it could not be found out. */
export function isRefusal(error: unknown): error is CuittyError {
  return isCuittyError(error, "not_found") || isCuittyError(error, "insufficient_scope");
}

/** `invalid_request` that says what is here. */
export function unknownTopic(topic: string, known: Iterable<string>): CuittyError {
  return new CuittyError("invalid_request", `topics: ${topic} is not served here; expected some of ${[...known].join(", ")}`);
}
