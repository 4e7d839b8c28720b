// Starts the page and prints each event as it arrives.
import { startPage } from "./server.ts";

const { url } = await startPage(Number(process.env.PORT ?? 7710), ({ type, data }) => console.log(`${type} ${JSON.stringify(data)}`));
console.log(`client-browser: open ${url}, click, close the tab; stop with Ctrl-C`);
