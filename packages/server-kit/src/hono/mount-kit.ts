// Mounts a whole kit in a Hono app with one line.
import type { Context, Env, Hono, Schema } from "hono";
import { matchedRoutes } from "hono/route";
import type { ServerKit } from "../kit.ts";
import { honoExchange } from "./hono-exchange.ts";

const mountPattern = "/api/*";

/**
 * Answers the kit's paths (`/api/ingest`, `/api/stream`, `/api/modules/…` and so on) below wherever `app` is mounted; all others go on to your own
 * routes, those under `/api` too. Mount it before anything that reads bodies.
 * @example mountKit(app, kit);
 */
export function mountKit<E extends Env, S extends Schema, P extends string>(
  app: Hono<E, S, P>,
  kit: Pick<ServerKit, "handle" | "owns">,
): void {
  app.all(mountPattern, async (c, next) => {
    const exchange = honoExchange(c, mountPathOf(c));
    if (!kit.owns(exchange.path)) {
      await next();
      return;
    }
    if (exchange.node !== undefined && exchange.path.endsWith("/stream")) keepHeaders(c, exchange.node.outgoing);
    return kit.handle(exchange);
  });
}

/** What stands before `/api` in the path: as many segments as the pattern of the route has there, whatever their values. */
function mountPathOf(c: Context): string {
  const pattern = matchedRoutes(c).at(c.req.routeIndex)?.path ?? mountPattern;
  if (pattern === mountPattern || !pattern.endsWith(mountPattern)) return "";
  const segments = pattern.slice(0, -mountPattern.length).split("/").length;
  const url = c.req.raw.url;
  return url
    .slice(url.indexOf("/", url.indexOf("://") + 3))
    .split("/", segments)
    .join("/");
}

/** A stream is written to Node's response itself, past the headers that middleware has set on Hono's: CORS among them. */
function keepHeaders(c: Context, outgoing: { setHeader(name: string, value: string): unknown }): void {
  for (const [name, value] of c.res.headers) if (name !== "content-type" && name !== "content-length") outgoing.setHeader(name, value);
}
