// The route table of a kit: its own routes and those of its modules, each at its full path.
import type { KitPorts } from "./kit-pipeline.ts";
import type { CuittyModule } from "./module.ts";
import type { MountedRoute } from "./router.ts";
import { keyRoutes } from "./routes/keys.ts";
import { projectRoutes } from "./routes/projects.ts";
import { moduleResource } from "./routes/resources.ts";

export function kitRoutes({
  identity,
  authorizer,
  modules,
}: Pick<KitPorts, "identity" | "authorizer" | "modules">): readonly MountedRoute[] {
  const own = [...projectRoutes(identity, authorizer), ...keyRoutes(identity)];
  const theirs = modules.all.flatMap((module) => {
    const resource = moduleResource(identity, module.definition.name);
    return (module.definition.routes ?? []).map((route) => ({ route, module, resource, path: basePathOf(module.definition) + route.path }));
  });
  return [...own, ...theirs];
}

/** Where a module's routes are. Source: API reference, "Module-specific reads". */
export function basePathOf(module: Pick<CuittyModule, "name" | "basePath">): string {
  return module.basePath ?? `/api/modules/${module.name}`;
}
