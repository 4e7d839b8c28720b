// Finds the route of a request: exact paths only, no clean-up of slashes, dots or case that another parser might not share.
import { CuittyError } from "@cuitty/wire-protocol";
import type { Resource } from "./auth/authorize.ts";
import type { OpenModule } from "./modules.ts";
import type { Route, Subject } from "./route.ts";

/** A route with its full path and what it is about. */
export interface MountedRoute {
  readonly route: Route;
  /** From the root, with `{name}` for parameters. */
  readonly path: string;
  /** Null for routes of the kit itself. */
  readonly module: OpenModule | null;
  /** What the authorizer is asked about. Errors: `not_found`. */
  resource(request: ResourceRequest): Resource;
}

export interface ResourceRequest {
  readonly subject: Subject;
  readonly projectId: string | null;
  readonly params: Readonly<Record<string, string>>;
}

export type Match =
  | { readonly found: MountedRoute; readonly params: Readonly<Record<string, string>> }
  /** The path exists, the method does not. */
  | { readonly found: null; readonly allow: readonly string[] };

export interface Router {
  readonly routes: readonly MountedRoute[];
  match(method: string, path: string): Match | null;
}

interface Entry {
  readonly mounted: MountedRoute;
  readonly segments: readonly string[];
}

/** Errors: `route_conflict` when two routes share a method and a path, or an `operationId`. */
export function createRouter(routes: readonly MountedRoute[]): Router {
  const entries: readonly Entry[] = routes.map((mounted) => ({ mounted, segments: mounted.path.split("/") }));
  checkConflicts(routes);
  // Literal segments before parameters: `/keys/current` is not the key named "current".
  const ordered = [...entries].sort((a, b) => parameterCount(a) - parameterCount(b));
  return {
    routes,
    match(method, path) {
      const segments = path.split("/");
      const allow = new Set<string>();
      for (const entry of ordered) {
        const params = paramsOf(entry.segments, segments);
        if (params === null) continue;
        if (entry.mounted.route.method === method) return { found: entry.mounted, params };
        allow.add(entry.mounted.route.method);
      }
      return allow.size === 0 ? null : { found: null, allow: [...allow] };
    },
  };
}

function paramsOf(pattern: readonly string[], segments: readonly string[]): Record<string, string> | null {
  if (pattern.length !== segments.length) return null;
  const params: Record<string, string> = Object.create(null);
  for (let index = 0; index < pattern.length; index += 1) {
    const expected = pattern[index] as string;
    const given = segments[index] as string;
    if (!expected.startsWith("{")) {
      if (expected !== given) return null;
      continue;
    }
    const value = decoded(given);
    if (value === null || value === "") return null;
    params[expected.slice(1, -1)] = value;
  }
  return params;
}

function decoded(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}

function parameterCount(entry: Entry): number {
  return entry.segments.filter((segment) => segment.startsWith("{")).length;
}

function checkConflicts(routes: readonly MountedRoute[]): void {
  const claims = new Map<string, string>();
  for (const { route, path, module } of routes) {
    const whose = `${route.operationId} of ${module === null ? "the kit itself" : `module ${module.definition.name}`}`;
    for (const claim of [`${route.method} ${path.replace(/\{[^}]*\}/g, "{}")}`, `operationId ${route.operationId}`]) {
      const other = claims.get(claim);
      if (other !== undefined)
        throw new CuittyError("route_conflict", `Expected one route for ${claim}, got ${other} and ${whose}; rename one`);
      claims.set(claim, whose);
    }
  }
}
