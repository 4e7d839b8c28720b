// A notes app without a screen: the same code runs in the browser (IndexedDB) and on the command line (SQLite).
import type { Store } from "@cuitty/persist";

export interface Note {
  readonly text: string;
  readonly isDone: boolean;
  readonly createdAt: string;
}

export interface NoteEntry extends Note {
  readonly id: string;
}

export interface Notes {
  add(text: string): Promise<NoteEntry>;
  /** Newest first. */
  list(): Promise<NoteEntry[]>;
  toggle(id: string): Promise<void>;
  remove(id: string): Promise<void>;
  /** What happened to the notes, oldest first. */
  history(): Promise<readonly string[]>;
  /** Calls back after changes made here or in another tab. Returns the unsubscriber. */
  onChange(listener: () => void): () => void;
}

const prefix = "notes/";

/** Errors: throws on text without a visible character, or an id that does not exist. */
export function openNotes(store: Store): Notes {
  async function find(id: string): Promise<Note> {
    const note = await store.records.get<Note>(prefix + id);
    if (!note) throw new Error(`there is no note ${id}`);
    return note;
  }

  return {
    async add(text) {
      if (text.trim() === "") throw new Error("a note needs some text");
      // Ids start with the time, so that their order is the order of writing.
      const id = `${Date.now().toString(36)}-${crypto.randomUUID().slice(0, 8)}`;
      const note: Note = { text: text.trim(), isDone: false, createdAt: new Date().toISOString() };
      await store.batch((batch) => {
        batch.records.put(prefix + id, note);
        batch.events.append("history", `added ${id}`);
      });
      return { id, ...note };
    },
    async list() {
      const entries = await store.records.list<Note>(prefix, { reverse: true });
      return entries.map(({ key, value }) => ({ id: key.slice(prefix.length), ...value }));
    },
    async toggle(id) {
      await find(id);
      await store.batch(async (batch) => {
        const note = (await batch.records.get<Note>(prefix + id))!;
        batch.records.put(prefix + id, { ...note, isDone: !note.isDone });
        batch.events.append("history", `${note.isDone ? "reopened" : "finished"} ${id}`);
      });
    },
    async remove(id) {
      await find(id);
      await store.batch((batch) => {
        batch.records.delete(prefix + id);
        batch.events.append("history", `removed ${id}`);
      });
    },
    async history() {
      return (await store.events.list<string>("history")).map(({ data }) => data);
    },
    onChange: (listener) => store.records.watch(prefix, listener),
  };
}
