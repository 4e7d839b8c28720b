// Spans as a port: what OpenTelemetry needs, and nothing when nobody listens.
import type { TraceContext } from "./ingest/stage.ts";

export interface Span {
  end(outcome?: { readonly status?: number; readonly error?: unknown }): void;
}

export interface Tracer {
  /** Called once per request and stage. Must not throw. */
  start(name: string, trace: TraceContext): Span;
}
