// Serves the notes app; open the printed address, go offline, and reload.
import { serve } from "./serve.ts";

const app = await serve(Number(process.env.PORT ?? 4_180));
console.log(`notes: ${app.url}`);
