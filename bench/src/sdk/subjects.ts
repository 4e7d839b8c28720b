// The clients that are compared, each behind the same three functions. Peers come from bench/'s own lockfile; their types are written down as far as used.

/** One client, sending to the sink at `url`. */
export interface Subject {
  emit(event: BenchEvent): void;
  /** Waits until everything is delivered. */
  drain(): Promise<unknown>;
  close(): Promise<unknown>;
}

export interface BenchEvent {
  readonly type: string;
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export const subjectNames = ["cuitty", "posthog", "sentry", "otel", "pino"] as const;
export type SubjectName = (typeof subjectNames)[number];

const load = (name: string): Promise<never> => import(name) as Promise<never>;

export const subjects: Readonly<Record<SubjectName, (url: string) => Promise<Subject>>> = {
  /** HMAC and gzip on, as always. */
  async cuitty(url) {
    const { createCuittyClient } = await import("@cuitty/sdk");
    const client = createCuittyClient({
      portalUrl: url,
      projectId: "bench",
      apiKey: "cuitty_sk_bench",
      webhookSecret: "whsec_bench",
    }).start();
    return { emit: (event) => void client.emit(event), drain: () => client.flush(), close: () => client.shutdown() };
  },

  async posthog(url) {
    const { PostHog } = (await load("posthog-node")) as PostHogModule;
    const client = new PostHog("phc_bench", { host: url });
    return {
      emit: ({ type, timestamp, data }) =>
        client.capture({ distinctId: "bench", event: type, timestamp: new Date(timestamp), properties: data }),
      drain: () => client.flush(),
      close: () => client.shutdown(),
    };
  },

  /** Its logs: events are not batched at all. */
  async sentry(url) {
    const sentry = (await load("@sentry/node")) as SentryModule;
    sentry.init({ dsn: url.replace("http://", "http://key@") + "/1", enableLogs: true, defaultIntegrations: false });
    return {
      emit: ({ type, data }) => sentry.logger.info(type, data),
      drain: () => sentry.flush(10_000),
      close: () => sentry.close(10_000),
    };
  },

  async otel(url) {
    const { LoggerProvider, BatchLogRecordProcessor } = (await load("@opentelemetry/sdk-logs")) as OtelModule;
    const { OTLPLogExporter } = (await load("@opentelemetry/exporter-logs-otlp-http")) as OtelExporterModule;
    const exporter = new OTLPLogExporter({ url });
    const provider = new LoggerProvider({ processors: [new BatchLogRecordProcessor({ exporter })] });
    const logger = provider.getLogger("bench");
    return {
      emit: ({ type, timestamp, data }) => logger.emit({ body: type, timestamp: new Date(timestamp), attributes: data }),
      drain: () => provider.forceFlush(),
      close: () => provider.shutdown(),
    };
  },

  /** Formats and writes to a file: no network, no promise of delivery. */
  async pino() {
    const { default: pino } = (await load("pino")) as PinoModule;
    const destination = pino.destination({ dest: "/dev/null", sync: false, minLength: 4096 });
    const logger = pino(destination);
    return {
      emit: ({ type, data }) => logger.info(data, type),
      drain: async () => logger.flush(),
      close: async () => destination.end(),
    };
  },
};

interface PostHogModule {
  readonly PostHog: new (
    key: string,
    options: { host: string },
  ) => { capture(event: object): void; flush(): Promise<unknown>; shutdown(): Promise<unknown> };
}

interface SentryModule {
  init(options: object): void;
  flush(ms: number): Promise<unknown>;
  close(ms: number): Promise<unknown>;
  readonly logger: { info(message: string, attributes: object): void };
}

interface OtelModule {
  readonly BatchLogRecordProcessor: new (options: object) => object;
  readonly LoggerProvider: new (options: {
    processors: object[];
  }) => { getLogger(name: string): { emit(record: object): void }; forceFlush(): Promise<unknown>; shutdown(): Promise<unknown> };
}

interface OtelExporterModule {
  readonly OTLPLogExporter: new (options: { url: string }) => object;
}

interface PinoModule {
  readonly default: ((destination: object) => { info(data: object, message: string): void; flush(): void }) & {
    destination(options: object): { end(): void };
  };
}
