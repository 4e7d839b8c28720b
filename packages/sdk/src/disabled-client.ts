// The client behind `enabled: false`: the whole API, and nothing happens.
import type { CuittyClient } from "./client.ts";
import type { ClientStats } from "./stats.ts";

const zeros: ClientStats = Object.freeze({
  emitted: 0,
  restored: 0,
  sent: 0,
  rejected: 0,
  dropped: 0,
  drops: {},
  pending: 0,
  bytes: 0,
  requests: 0,
  retries: 0,
  pluginErrors: 0,
  breaker: "closed",
});

export function createDisabledClient(): CuittyClient {
  const settled = Promise.resolve();
  const flush = () => settled.then(() => ({ sent: 0, pending: 0, dropped: 0 }));
  const client: CuittyClient = {
    use: () => client,
    start: () => client,
    emit: () => settled,
    flush,
    shutdown: flush,
    close: flush,
    recordRequest: () => undefined,
    honoMiddleware: () => (_context, next) => next(),
    stats: () => zeros,
    on: () => () => undefined,
  };
  return client;
}
