// What a package promises to resolve: one entry per subpath of its exports map, patterns expanded to what is there.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { publishedPackages } from "../../scripts/lib/workspace.mjs";

/** `[{ specifier, kind }]`; kind is `code` for modules, `file` for JSON and other data. */
export function subpathsOf(name, exports) {
  return Object.entries(exports).flatMap(([subpath, target]) => {
    const specifier = name + subpath.slice(1);
    if (typeof target !== "string") return [{ specifier, kind: "code", isBrowserOnly: isBrowserOnly(target) }];
    if (!subpath.includes("*")) return [{ specifier, kind: "file" }];
    return matchesOf(name, target).map((match) => ({ specifier: specifier.replace("*", match), kind: "file" }));
  });
}

function isBrowserOnly(target) {
  return !("import" in target || "node" in target || "default" in target);
}

/** What `*` can stand for in `./vectors/*.json`. */
function matchesOf(name, target) {
  const [folder, suffix] = target.split("*");
  const { dir } = publishedPackages().find((entry) => entry.name === name);
  return readdirSync(join(dir, folder))
    .filter((file) => file.endsWith(suffix))
    .map((file) => file.slice(0, file.length - suffix.length));
}
