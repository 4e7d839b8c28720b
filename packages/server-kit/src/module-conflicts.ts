// What modules may not have in common with the kit and with each other: what one of two would never be reached by is told at the start.
import { CuittyError } from "@cuitty/wire-protocol";
import { basePathOf } from "./kit-routes.ts";
import type { CuittyModule } from "./module.ts";
import { OPERATION_ID, streamOperationId } from "./openapi/operation-ids.ts";

/** Paths that the kit answers before it looks for a route, and the name of what does. */
const ownPaths = ["/api/ingest", "/api/health", "/api/openapi.json", "/api/stream", "/api/stream-tickets"];

/** A path or an operation, and whose it is. */
type Claims = Map<string, string>;

/** Errors: `route_conflict`, naming both sides. Two routes with one path are found by the router. */
export function checkConflicts(modules: readonly CuittyModule[]): void {
  const paths: Claims = new Map(ownPaths.map((path) => [path, "the kit itself"]));
  const operations: Claims = new Map(Object.values(OPERATION_ID).map((id) => [id, "the kit itself"]));
  for (const module of modules.filter(({ streams = [] }) => streams.length > 0)) {
    const whose = `the stream of module ${module.name}`;
    const path = `${basePathOf(module)}/stream`;
    claim(paths, path, { whose, what: `the path ${path}` });
    paths.set(path, whose);
    operations.set(streamOperationId(module.name), whose);
  }
  for (const module of modules) {
    for (const route of module.routes ?? []) {
      const path = basePathOf(module) + route.path;
      const whose = `${route.operationId} of module ${module.name}`;
      claim(paths, path, { whose, what: `the path ${path}` });
      claim(operations, route.operationId, { whose, what: `the operationId ${route.operationId}` });
    }
  }
}

function claim(claims: Claims, key: string, { whose, what }: { readonly whose: string; readonly what: string }): void {
  const other = claims.get(key);
  if (other === undefined) return;
  throw new CuittyError("route_conflict", `Expected one owner of ${what}, got ${other} and ${whose}; rename the latter`);
}

/** A module whose base path has no slash at its end: with one it means the same. */
export function withPlainBasePath(module: CuittyModule): CuittyModule {
  const { basePath } = module;
  if (basePath === undefined || !basePath.endsWith("/")) return module;
  const copy: CuittyModule = Object.assign(Object.create(Object.getPrototypeOf(module)), module);
  return Object.assign(copy, { basePath: basePath.slice(0, -1) });
}
