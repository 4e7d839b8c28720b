// Prints the commands of the README that its first screen promises: the lines of every `sh` block that follows the marker `<!-- run -->`.
import { readFileSync } from "node:fs";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
for (const [, block] of readme.matchAll(/<!-- run -->\n```sh\n([\s\S]*?)```/g)) {
  for (const line of block.split("\n")) {
    const command = line.replace(/\s+#.*$/, "").trim();
    if (command !== "") console.log(command);
  }
}
