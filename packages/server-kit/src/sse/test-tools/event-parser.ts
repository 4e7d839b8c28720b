// A strict parser of event streams for tests. Source: WHATWG HTML, "Interpreting an event stream".

export interface ParsedEvent {
  readonly type: string;
  readonly data: string;
  /** Last event id at the time of dispatch. */
  readonly id: string;
}

export interface EventParser {
  readonly events: ParsedEvent[];
  readonly comments: string[];
  push(bytes: Uint8Array): void;
  lastEventId(): string;
  retryMs(): number | null;
}

const knownFields = ["data", "event", "id", "retry"];

/** Throws on anything that a well-made stream would not contain: unknown fields, invalid UTF-8, odd retry values. */
export function createEventParser(): EventParser {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const events: ParsedEvent[] = [];
  const comments: string[] = [];
  let rest = "";
  let data: string[] = [];
  let type = "";
  let idBuffer = "";
  let lastEventId = "";
  let retryMs: number | null = null;

  function field(name: string, value: string): void {
    if (!knownFields.includes(name)) throw new Error(`unknown field ${JSON.stringify(name)}`);
    if (name === "data") data.push(value);
    else if (name === "event") type = value;
    else if (name === "id") {
      if (value.includes("\0")) throw new Error("id with NUL");
      idBuffer = value;
    } else {
      if (!/^\d+$/.test(value)) throw new Error(`retry ${value}`);
      retryMs = Number(value);
    }
  }

  function line(text: string): void {
    const colon = text.indexOf(":");
    if (text === "") dispatch();
    else if (colon === 0) comments.push(text.slice(1));
    else if (colon === -1) throw new Error(`line without a colon: ${text.slice(0, 80)}`);
    else field(text.slice(0, colon), text.slice(colon + 1).replace(/^ /, ""));
  }

  function dispatch(): void {
    lastEventId = idBuffer;
    if (data.length > 0) events.push({ type: type === "" ? "message" : type, data: data.join("\n"), id: lastEventId });
    data = [];
    type = "";
  }

  return {
    events,
    comments,
    push(bytes) {
      rest += decoder.decode(bytes, { stream: true });
      // A CR at the end may be half of a CRLF.
      for (let match = /\r\n|\n|\r(?=.)/s.exec(rest); match !== null; match = /\r\n|\n|\r(?=.)/s.exec(rest)) {
        line(rest.slice(0, match.index));
        rest = rest.slice(match.index + match[0].length);
      }
    },
    lastEventId: () => lastEventId,
    retryMs: () => retryMs,
  };
}
