// Mounts a whole kit in a Hono app with one line.
import type { Context, Env, Hono, Schema } from "hono";
import { assertKit } from "../node/assert-kit.ts";
import type { MountableKit } from "../node/node-handler.ts";
import { honoExchange } from "./hono-exchange.ts";
import { keepHeaders } from "./keep-headers.ts";

/**
 * Answers the kit's paths (`/api/ingest`, `/api/stream`, `/api/modules/…` and so on) below wherever `app` is mounted; all others go on to your own
 * routes, those under `/api` too. Mount it before anything that reads bodies.
 * @example mountKit(app, kit);
 */
export function mountKit<E extends Env, S extends Schema, P extends string>(app: Hono<E, S, P>, kit: MountableKit): void {
  assertKit(kit);
  const pattern = `${kit.basePath}/api/*`;
  app.all(pattern, async (c, next) => {
    const exchange = honoExchange(c, mountPathOf(c, pattern) + kit.basePath);
    if (isAmbiguous(exchange.node?.incoming.url) || !kit.owns(exchange.path)) {
      await next();
      return;
    }
    if (exchange.node !== undefined && exchange.path.endsWith("/stream")) keepHeaders(c, exchange.node.outgoing);
    return kit.handle(exchange);
  });
}

const dotSegment = /\/(?:\.|%2e){1,2}(?:[/?]|$)/i;

/** Absolute targets and dot segments are resolved before Hono shows them, but a proxy in front, and its rules, may have read them otherwise. */
const isAmbiguous = (target: string | undefined): boolean => target !== undefined && (!target.startsWith("/") || dotSegment.test(target));

/** What stands before our own pattern in the path: as many segments as in the route's full pattern, whatever their values. */
function mountPathOf(c: Context, ownPattern: string): string {
  // The app's own copy of Hono is asked: helpers of another copy, as two versions in one tree have them, do not know its contexts.
  const pattern = c.req.routePath;
  if (pattern === ownPattern || !pattern.endsWith(ownPattern)) return "";
  const segments = pattern.slice(0, -ownPattern.length).split("/").length;
  const url = c.req.raw.url;
  return url
    .slice(url.indexOf("/", url.indexOf("://") + 3))
    .split("/", segments)
    .join("/");
}
