// Starts the app on PORT (7701) with its data in DATA_DIR (data), until Ctrl-C.
import { join } from "node:path";
import { startApp } from "./app.ts";

const port = Number(process.env.PORT ?? 7701);
const dataDir = process.env.DATA_DIR ?? join(import.meta.dirname, "..", "data");

try {
  const app = await startApp({ dataDir, port });
  console.log(`Bookmarks with the kit inside: ${app.url}  (data in ${dataDir}; Ctrl-C stops it)`);
  const stop = (): void => {
    app.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  console.error(code === "EADDRINUSE" ? `embed-express: port ${port} is in use: set PORT to another one` : `embed-express: ${message}`);
  process.exit(1);
}
