// OpenAPI 3.1 from the route table.
import type { MountedRoute } from "../router.ts";

export function buildOpenApi(routes: readonly MountedRoute[]): Readonly<Record<string, unknown>> {
  return { openapi: "3.1.0", info: { title: "Cuitty", version: "0.1.0" }, paths: Object.fromEntries(routes.map(({ path }) => [path, {}])) };
}
