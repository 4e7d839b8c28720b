// All event schemas by type, for servers and tools. Pulls in TypeBox: browsers import one type, or none.
import { auditSchema } from "./audit.ts";
import { configSchema } from "./config.ts";
import { costSchema } from "./cost.ts";
import { deploySchema } from "./deploy.ts";
import { errorSchema } from "./error.ts";
import { featureFlagSchema } from "./feature-flag.ts";
import { logSchema } from "./log.ts";
import { performanceSchema } from "./performance.ts";
import { repositorySchema } from "./repository.ts";
import { tenantSchema } from "./tenant.ts";
import { traceSchema } from "./trace.ts";
import { videoSchema } from "./video.ts";
import { webhookSchema } from "./webhook.ts";

/** Wire type to the schema of its `data`, in the order of `EVENT_TYPES`. */
export const EVENT_SCHEMAS = {
  audit: auditSchema,
  config: configSchema,
  cost: costSchema,
  deploy: deploySchema,
  error: errorSchema,
  feature_flag: featureFlagSchema,
  log: logSchema,
  performance: performanceSchema,
  repository: repositorySchema,
  tenant: tenantSchema,
  trace: traceSchema,
  video: videoSchema,
  webhook: webhookSchema,
} as const;
