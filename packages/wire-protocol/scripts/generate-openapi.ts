// Writes openapi.yaml from the schemas and tables of this package: `node --conditions=@cuitty/source --import tsx scripts/generate-openapi.ts`.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { openapiYaml } from "./openapi-document.ts";

writeFileSync(fileURLToPath(new URL("../openapi.yaml", import.meta.url)), openapiYaml());
