// What a package promises to resolve: one entry per subpath of its exports map, patterns expanded to what is there.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** `[{ specifier, kind }]` of the package installed in `dir`; kind is `code` for modules, `file` for JSON and other data. */
export function subpathsOf(name, dir) {
  const { exports } = JSON.parse(readFileSync(join(dir, "package.json"), "utf8"));
  return Object.entries(exports).flatMap(([subpath, target]) => {
    const specifier = name + subpath.slice(1);
    if (typeof target !== "string") return [{ specifier, kind: "code" }];
    if (!subpath.includes("*")) return [{ specifier, kind: "file" }];
    return matchesOf(dir, target).map((match) => ({ specifier: specifier.replace("*", match), kind: "file" }));
  });
}

/** What `*` can stand for in `./vectors/*.json`. */
function matchesOf(dir, target) {
  const [folder, suffix] = target.split("*");
  return readdirSync(join(dir, folder))
    .filter((file) => file.endsWith(suffix))
    .map((file) => file.slice(0, file.length - suffix.length));
}
