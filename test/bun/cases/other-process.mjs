// Writes to a file that another process listens to. `bun other-process.mjs FILE ENGINE`.
import { open } from "@cuitty/storage/sqlite";

const [path, engine] = process.argv.slice(2);
const client = open(path, { engine });
client.notify("ping", { from: process.pid });
client.close();
