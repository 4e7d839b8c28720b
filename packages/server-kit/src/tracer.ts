// Spans as a port: what OpenTelemetry needs, and nothing when nobody listens.
import type { TraceContext } from "./ingest/stage.ts";

/** Something that has begun. */
export interface Span {
  end(outcome?: { readonly status?: number; readonly error?: unknown }): void;
}

/** Told of what begins and ends; an OpenTelemetry tracer fits behind it. */
export interface Tracer {
  /** Called for each stage of an ingest request (`cuitty.write`) and once for any other route (`cuitty.` and its operationId). Must not throw. */
  start(name: string, trace: TraceContext): Span;
}

/** Runs `body` inside a span, when somebody listens. */
export async function traced(
  { tracer, name, trace }: { readonly tracer: Tracer | undefined; readonly name: string; readonly trace: TraceContext },
  body: () => Promise<Response>,
): Promise<Response> {
  const span = tracer?.start(`cuitty.${name}`, trace);
  try {
    const reply = await body();
    span?.end({ status: reply.status });
    return reply;
  } catch (error) {
    span?.end({ error });
    throw error;
  }
}
