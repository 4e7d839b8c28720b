// An ordinary small API that knows nothing of telemetry: notes kept in memory.
import { Hono } from "hono";
import type { Logger } from "pino";

interface Note {
  readonly id: number;
  readonly text: string;
  readonly createdAt: string;
}

const maxNotes = 1_000;
const maxTextLength = 2_000;

/** The notes API, to be mounted under `/notes`. */
export function notesApi(log: Logger): Hono {
  const notes = new Map<number, Note>();
  let nextId = 1;

  return new Hono()
    .get("/", (c) => c.json([...notes.values()]))
    .post("/", async (c) => {
      const body = (await c.req.json().catch(() => null)) as { text?: unknown } | null;
      const text = body?.text;
      if (typeof text !== "string" || text.length === 0 || text.length > maxTextLength) {
        log.warn({ status: 400 }, "note refused: text is missing or too long");
        return c.json({ error: `expected {"text": string of 1 to ${maxTextLength} characters}` }, 400);
      }
      const note = { id: nextId++, text, createdAt: new Date().toISOString() };
      notes.set(note.id, note);
      const oldest = notes.keys().next().value;
      if (notes.size > maxNotes && oldest !== undefined) notes.delete(oldest);
      // The text is logged as it came: whoever shows logs must treat them as hostile, and the page below does.
      log.info({ noteId: note.id }, `note created: ${text}`);
      return c.json(note, 201);
    })
    .get("/:id", (c) => {
      const note = notes.get(Number(c.req.param("id")));
      return note ? c.json(note) : c.json({ error: "no such note" }, 404);
    })
    .delete("/:id", (c) => {
      const found = notes.delete(Number(c.req.param("id")));
      if (found) log.info({ noteId: Number(c.req.param("id")) }, "note deleted");
      return found ? c.body(null, 204) : c.json({ error: "no such note" }, 404);
    });
}
