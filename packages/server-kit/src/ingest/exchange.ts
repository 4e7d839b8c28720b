// One HTTP request as the kit sees it, whatever the host: Fetch, Hono, Express or node:http.
import type { IncomingMessage, ServerResponse } from "node:http";

/** How much of a body is read, and for how long. */
export interface ReadLimits {
  /** Stops, counted on what arrives; Content-Length is only a first filter. */
  readonly maxBytes: number;
  /** Longest wait for the next piece. Units: ms. */
  readonly idleTimeoutMs: number;
  /** Longest time for the whole body. Units: ms. */
  readonly totalTimeoutMs: number;
  /** Told with each piece how much there is now; what it throws ends the reading. Units: bytes. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** The request body, exactly the bytes on the wire, readable once. */
export interface BodySource {
  /**
   * Errors: `batch_too_large` (the rest is not read), `body_timeout`, `request_aborted`, `body_already_consumed` (a body parser was mounted first).
   */
  read(limits: ReadLimits): Promise<Uint8Array>;
}

/** What a host hands over. Costly parts are getters, made on first use. */
export interface Exchange {
  readonly method: string;
  /** Path as received, not decoded, without query; relative to nothing: the app's own mount prefix has been taken off. */
  readonly path: string;
  /** What was taken off: with `path` it is what the client sees. Absent means nothing. */
  readonly mountPath?: string | undefined;
  /** `""` or `"?…"`. */
  readonly search: string;
  /** @param name lower case. Repeated headers are joined with ", ", never the first alone: two bearers must not pass as one. */
  header(name: string): string | null;
  readonly body: BodySource;
  /** Head of the request for ports that want a Web `Request`; its body must not be read. */
  readonly request: Request;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
  /** Address of the peer; never from a forwarded header unless the host says which proxy it trusts. */
  readonly ip: string | null;
  /** Node's own pair where there is one: streams write to it directly. */
  readonly node?: { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse } | undefined;
}
