// The notes app on the command line: an encrypted SQLite file in the current folder, or where NOTES_PATH says.
import { createStore, type Store } from "@cuitty/persist";
import { type Notes, openNotes } from "./notes.ts";

const usage = `usage: notes add <text> | list | done <id> | remove <id> | history | export
NOTES_PATH names the file (now ${process.env.NOTES_PATH ?? "./data/notes.db"}); its key is in the OS keychain, else beside it.`;

type Command = (context: { readonly store: Store; readonly notes: Notes; readonly rest: readonly string[] }) => Promise<void>;

const commands: Readonly<Record<string, Command>> = {
  add: async ({ notes, rest }) => console.log((await notes.add(rest.join(" "))).id),
  list: async ({ notes }) => {
    for (const note of await notes.list()) console.log(`${note.isDone ? "[x]" : "[ ]"} ${note.id}  ${note.text}`);
  },
  done: ({ notes, rest }) => notes.toggle(rest[0] ?? ""),
  remove: ({ notes, rest }) => notes.remove(rest[0] ?? ""),
  history: async ({ notes }) => {
    for (const line of await notes.history()) console.log(line);
  },
  export: async ({ store }) => {
    for await (const line of store.export()) process.stdout.write(line);
  },
};

async function main([name = "", ...rest]: readonly string[]): Promise<void> {
  const command = commands[name];
  if (!command) {
    console.error(usage);
    process.exitCode = 2;
    return;
  }
  const store = await createStore({ name: "notes", path: process.env.NOTES_PATH ?? "./data/notes.db", encrypt: true });
  try {
    await command({ store, notes: openNotes(store), rest });
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  } finally {
    await store.close();
  }
}

await main(process.argv.slice(2));
