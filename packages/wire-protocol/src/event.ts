// What an event is on the wire: types, and the list of event types as plain data.
import type { AuditData } from "./events/audit.ts";
import type { ConfigData } from "./events/config.ts";
import type { CostData } from "./events/cost.ts";
import type { DeployData } from "./events/deploy.ts";
import type { ErrorData } from "./events/error.ts";
import type { FeatureFlagData } from "./events/feature-flag.ts";
import type { LogData } from "./events/log.ts";
import type { PerformanceData } from "./events/performance.ts";
import type { RepositoryData } from "./events/repository.ts";
import type { TenantData } from "./events/tenant.ts";
import type { TraceData } from "./events/trace.ts";
import type { VideoData } from "./events/video.ts";
import type { WebhookData } from "./events/webhook.ts";

/** Every event type, in alphabetical order. Source: wire protocol, "Body". */
export const EVENT_TYPES = [
  "audit",
  "config",
  "cost",
  "deploy",
  "error",
  "feature_flag",
  "log",
  "performance",
  "repository",
  "tenant",
  "trace",
  "video",
  "webhook",
] as const;

/** One of the 13 documented types. */
export type EventType = (typeof EVENT_TYPES)[number];

/** The documented fields of each type's `data`. Unknown fields are welcome on the wire and kept. */
export interface EventData {
  readonly audit: AuditData;
  readonly config: ConfigData;
  readonly cost: CostData;
  readonly deploy: DeployData;
  readonly error: ErrorData;
  readonly feature_flag: FeatureFlagData;
  readonly log: LogData;
  readonly performance: PerformanceData;
  readonly repository: RepositoryData;
  readonly tenant: TenantData;
  readonly trace: TraceData;
  readonly video: VideoData;
  readonly webhook: WebhookData;
}

/** One event as it travels. `CuittyEvent` is the union over all types, `CuittyEvent<"audit">` one of them. */
export type CuittyEvent<Type extends EventType = EventType> = {
  [T in Type]: {
    readonly type: T;
    /** RFC 3339, any offset; servers store UTC with milliseconds. */
    readonly ts: string;
    readonly data: EventData[T];
    /** UUIDv7, unique in its project for the life of the row: an event sent again under the same id is stored once. */
    readonly id?: string;
  };
}[Type];
