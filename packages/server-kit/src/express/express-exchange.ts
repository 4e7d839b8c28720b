// Which part of an Express URL is the kit's, whatever the kit was mounted under.
import type { IncomingMessage } from "node:http";
import type { MountableKit } from "../node/node-handler.ts";

/** An Express request, as far as the kit looks at it. */
export type ExpressRequest = IncomingMessage & { readonly originalUrl?: string; readonly baseUrl?: string };

/** Path and query for the kit, and what was taken off. */
export interface KitTarget {
  readonly url: string;
  readonly mountPath: string;
}

/**
 * Null for a path that is not the kit's. `app.use(kitMiddleware(kit))`, `app.use("/telemetry", …)` and `app.use("/api", …)` all work:
 * Express takes the mount path off `url`, and in the last case what it takes off is ours.
 */
export function kitTarget(request: ExpressRequest, kit: Pick<MountableKit, "basePath" | "owns">): KitTarget | null {
  const mounted = { url: request.url ?? "/", mountPath: request.baseUrl ?? "" };
  const whole = { url: request.originalUrl ?? mounted.url, mountPath: "" };
  return owned(mounted, kit) ?? owned(whole, kit);
}

function owned({ url, mountPath }: KitTarget, kit: Pick<MountableKit, "basePath" | "owns">): KitTarget | null {
  const isBelow = kit.basePath === "" || url.startsWith(`${kit.basePath}/`);
  const own = { url: url.slice(kit.basePath.length), mountPath: mountPath + kit.basePath };
  return isBelow && kit.owns(own.url.split("?", 1)[0] as string) ? own : null;
}
