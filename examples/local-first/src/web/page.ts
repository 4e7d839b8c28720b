// The notes app in a browser: an encrypted store in IndexedDB, shared by the tabs, working without a network.
import { createStore } from "@cuitty/persist";
import { openNotes } from "../notes.ts";

const form = document.querySelector<HTMLFormElement>("form")!;
const input = document.querySelector<HTMLInputElement>("input")!;
const list = document.querySelector("ul")!;
const state = document.querySelector("output")!;

const store = await createStore({ name: "notes", encrypt: true });
const notes = openNotes(store);

async function draw(): Promise<void> {
  const items = (await notes.list()).map((note) => {
    const item = document.createElement("li");
    const check = document.createElement("input");
    check.type = "checkbox";
    check.checked = note.isDone;
    // The tick shows when it is on disk, not when it is clicked: what a user sees survives a crash.
    check.onclick = (event) => {
      event.preventDefault();
      void notes.toggle(note.id);
    };
    const text = document.createElement("span");
    // Text, never markup: a note may hold anything.
    text.textContent = note.text;
    const remove = document.createElement("button");
    remove.textContent = "Remove";
    remove.onclick = () => void notes.remove(note.id);
    item.append(check, text, remove);
    return item;
  });
  list.replaceChildren(...items);
}

form.onsubmit = async (event) => {
  event.preventDefault();
  await notes.add(input.value);
  input.value = "";
};

notes.onChange(() => void draw());
// What other tabs changed while this page was in the back-forward cache was told to nobody.
addEventListener("pageshow", ({ persisted }) => void (persisted && draw()));
await draw();
if ("serviceWorker" in navigator) {
  await navigator.serviceWorker.register("/service-worker.js");
  await navigator.serviceWorker.ready;
}
state.textContent = "ready";
// Without this the browser may drop the data when the disk runs low. Last, as Firefox asks the user, who may never answer.
if (await navigator.storage?.persist?.()) state.textContent = "ready, kept";
