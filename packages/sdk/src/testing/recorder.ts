// A transport for unit tests: keeps what a client sends and answers at once, without a network. Runs wherever fetch does.

/** An event as it would have arrived. */
export interface RecordedEvent {
  readonly id: string;
  readonly type: string;
  readonly ts: string;
  readonly data: Record<string, unknown>;
}

/** A request as it would have been sent. */
export interface RecordedRequest {
  readonly url: string;
  readonly headers: Headers;
  readonly events: readonly RecordedEvent[];
}

/** A `fetch` that keeps what it is given and answers as a server would. */
export interface Recorder {
  /** For the option `fetch`. */
  readonly fetch: typeof fetch;
  readonly requests: readonly RecordedRequest[];
  /** Events of all requests, in order. */
  readonly events: readonly RecordedEvent[];
  /** Forgets what was recorded. */
  clear(): void;
}

/**
 * Makes a recorder. `reply` answers in place of "all accepted".
 *
 * ```ts
 * const recorder = createRecorder();
 * const cuitty = createCuittyClient({ portalUrl, projectId, apiKey, fetch: recorder.fetch }).start();
 * ```
 */
export function createRecorder(reply?: (request: RecordedRequest) => Response | undefined): Recorder {
  const requests: RecordedRequest[] = [];
  const events: RecordedEvent[] = [];
  return {
    requests,
    events,
    clear() {
      requests.length = events.length = 0;
    },
    async fetch(input, init) {
      const headers = new Headers(init?.headers);
      const sent = new Response(init?.body);
      const isGzip = headers.get("content-encoding") === "gzip";
      const body = isGzip ? new Response(sent.body?.pipeThrough(new DecompressionStream("gzip"))) : sent;
      const parsed = (await body.json().catch(() => undefined)) as { events: RecordedEvent[] } | undefined;
      if (!parsed) return Response.json({ code: "invalid_json" }, { status: 400 });
      const request = { url: String(input), headers, events: parsed.events };
      requests.push(request);
      events.push(...request.events);
      return reply?.(request) ?? Response.json({ accepted: request.events.length, rejected: [] });
    },
  };
}
