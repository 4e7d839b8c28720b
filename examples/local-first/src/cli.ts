// The notes app on the command line: an encrypted SQLite file in the current folder, or where NOTES_PATH says.
import { createStore } from "@cuitty/persist";
import { openNotes } from "./notes.ts";

const usage = `usage: notes add <text> | list | done <id> | remove <id> | history | export
NOTES_PATH names the file (now ${process.env.NOTES_PATH ?? "./data/notes.db"}); its key is in the OS keychain, else beside it.`;

async function main([command, ...rest]: readonly string[]): Promise<void> {
  const store = await createStore({ name: "notes", path: process.env.NOTES_PATH ?? "./data/notes.db", encrypt: true });
  try {
    const notes = openNotes(store);
    if (command === "add") console.log((await notes.add(rest.join(" "))).id);
    else if (command === "list")
      for (const note of await notes.list()) console.log(`${note.isDone ? "[x]" : "[ ]"} ${note.id}  ${note.text}`);
    else if (command === "done") await notes.toggle(rest[0] ?? "");
    else if (command === "remove") await notes.remove(rest[0] ?? "");
    else if (command === "history") for (const line of await notes.history()) console.log(line);
    else if (command === "export") for await (const line of store.export()) process.stdout.write(line);
    else {
      console.error(usage);
      process.exitCode = 2;
    }
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  } finally {
    await store.close();
  }
}

await main(process.argv.slice(2));
