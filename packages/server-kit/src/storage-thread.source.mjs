// The storage thread of a source tree: through tsx, since Node 20 reads no TypeScript.
import { register } from "tsx/esm/api";

register();
await import("./storage-thread.ts");
