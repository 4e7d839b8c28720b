// Finds the pattern of the route that answered a Hono request.
import type { HonoContext } from "./hono-context.ts";

// Hono's name for the method of `app.use` and `app.all`.
const allMethods = "ALL";

/**
 * The pattern (`/notes/:id`) of the handler that answered, or of the one that would have when a middleware answered first.
 * Undefined for a 404 and for a catch-all (`*`), which say nothing. `ownIndex` is the position of the middleware that asks.
 */
export function honoRoute(context: HonoContext, ownIndex: number, statusCode: number): string | undefined {
  const path = routeOf(context, ownIndex, statusCode);
  return path === "*" || path === "/*" ? undefined : path;
}

function routeOf(context: HonoContext, ownIndex: number, statusCode: number): string | undefined {
  const routes = routesOf(context);
  const reachedIndex = context.req.routeIndex;
  const reached = routes[reachedIndex];
  if (reached === undefined) return undefined;
  if (reached.method !== allMethods) return reached.path;

  const intended = routes.slice(reachedIndex + 1).find((route) => route.method !== allMethods);
  if (intended !== undefined) return intended.path;

  // Left are app.all() and app.mount(), which look like middleware; a handler takes no `next`, and middleware that lets a request through leaves a 404.
  const isAnswer = reachedIndex !== ownIndex && (reached.handler.length < 2 || statusCode !== 404);
  return isAnswer ? reached.path : undefined;
}

interface MatchedRoute {
  readonly method: string;
  readonly path: string;
  readonly handler: { readonly length: number };
}

/** What `matchedRoutes` of hono/route returns. Not imported: that would make Hono a part of every bundle with a client in it. */
function routesOf({ req }: HonoContext): readonly MatchedRoute[] {
  return (req as { matchedRoutes?: readonly MatchedRoute[] }).matchedRoutes ?? [];
}
