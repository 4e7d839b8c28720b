// For tests: listens, stops listening, and must then end by itself. Arguments: path, engine.
import type { EngineName } from "../../engine/driver.ts";
import { open } from "../../engine/open.ts";
import { HonkerEventTarget } from "../event-target.ts";

const [path, engine] = process.argv.slice(2);
const client = open(path!, { engine: engine as EngineName });
const target = new HonkerEventTarget(client);
const listener = () => {
  target.removeEventListener("done", listener);
  process.stdout.write("heard\n");
};
target.addEventListener("done", listener);
target.emit("done", null);
