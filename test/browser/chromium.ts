// Where Chromium is. The npm build unpacks to a fixed folder in the temp directory, so one process does it before any worker starts.
import { existsSync } from "node:fs";

/** Path of a Chromium executable. Errors: rejects with what to install when CHROMIUM_PATH points nowhere or the npm build cannot unpack. */
export async function chromiumPath(): Promise<string> {
  const wanted = process.env.CHROMIUM_PATH;
  if (wanted) {
    if (!existsSync(wanted)) throw new Error(`CHROMIUM_PATH names ${wanted}, which does not exist`);
    return wanted;
  }
  const { default: chromium } = await import("@sparticuz/chromium");
  return chromium.executablePath();
}
