// Watches Express match a request, to know the full pattern of the route that answered.

/** The part of an Express request that routing writes to. */
export interface RoutedRequest {
  baseUrl?: string;
  route?: unknown;
  params?: unknown;
}

/**
 * Watches `req.params` and `req.route`; the returned function answers with the pattern of the last matched route, mount paths included.
 * Express forgets `baseUrl` when an error leaves a router, and shows mount paths as they were in the URL (`/orgs/acme`), never as patterns: so both are
 * read at the moment of the match, and the values of the mounts' params are put back into their names (`/orgs/:org`).
 */
export function watchRoute(request: RoutedRequest): () => string | undefined {
  let route = request.route;
  let params = request.params;
  let pattern: string | undefined;
  const mountParams: unknown[] = [];

  Object.defineProperties(request, {
    params: {
      configurable: true,
      enumerable: true,
      get: () => params,
      set(value: unknown) {
        params = value;
        if (mountParams.length < 32 && hasKeys(value)) mountParams.push(value);
      },
    },
    route: {
      configurable: true,
      enumerable: true,
      get: () => route,
      set(value: unknown) {
        route = value;
        pattern = patternOf(value, request.baseUrl ?? "", mountParams) ?? pattern;
      },
    },
  });
  return () => pattern;
}

function hasKeys(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

function patternOf(route: unknown, baseUrl: string, mountParams: readonly unknown[]): string | undefined {
  const path = (route as { path?: unknown } | undefined)?.path;
  if (path === undefined) return undefined;
  // A route may be given as several paths or as a regular expression.
  const own = (Array.isArray(path) ? path : [path]).map(String).join("|");
  const mount = mountPattern(baseUrl, mountParams);
  return own === "/" && mount !== "" ? mount : mount + own;
}

function mountPattern(baseUrl: string, mountParams: readonly unknown[]): string {
  if (mountParams.length === 0 || baseUrl === "") return baseUrl;
  const segments = baseUrl.split("/");
  const isNamed = segments.map(() => false);
  for (const params of mountParams) {
    for (const [name, value] of Object.entries(params as object)) {
      if (segments.includes(`:${name}`)) continue;
      // From the right: a param stands nearer to the end of its mount path than a word that happens to be the same.
      let at = segments.length - 1;
      while (at > 0 && (isNamed[at] || segments[at] === "" || decoded(segments[at]!) !== value)) at -= 1;
      if (at <= 0) continue;
      segments[at] = `:${name}`;
      isNamed[at] = true;
    }
  }
  return segments.join("/");
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
