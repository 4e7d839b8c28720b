// The page: plain HTML, one EventSource, events shown as text only, under a strict Content-Security-Policy.
import { createHash } from "node:crypto";

const styles = `
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --accent: #2563eb; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem; }
h1 { font-size: 1.4rem; margin: 0; }
p { margin: .25rem 0 1rem; opacity: .8; }
form, nav { display: flex; flex-wrap: wrap; gap: .5rem; margin: 0 0 1rem; align-items: center; }
input[type=text] { flex: 1 1 16rem; }
input[type=text], button { font: inherit; padding: .4rem .7rem; border: 1px solid var(--line); border-radius: .4rem; background: none; color: inherit; }
button { cursor: pointer; }
button.primary { background: var(--accent); border-color: var(--accent); color: #fff; }
label { border: 1px solid var(--line); border-radius: 1rem; padding: .15rem .7rem; cursor: pointer; }
label:has(:checked) { background: var(--soft); }
#state { margin-left: auto; font-size: .85rem; }
ol { list-style: none; margin: 0; padding: 0; border-top: 1px solid var(--line); }
li { display: grid; grid-template-columns: 6.5rem 7rem 1fr; gap: .75rem; padding: .35rem 0; border-bottom: 1px solid var(--line); font-size: .9rem; }
li code { overflow-wrap: anywhere; white-space: pre-wrap; }
li[hidden] { display: none; }
li span { opacity: .7; }
.empty { padding: 1rem 0; opacity: .7; }
`;

// Only textContent is ever written: a log line full of markup is shown, not run. Control characters become visible symbols.
const script = `
const list = document.querySelector("#events"), state = document.querySelector("#state"), empty = document.querySelector("#empty");
const shown = new Set(["audit", "log", "performance", "repository"]);
const visible = (text) => Array.from(text, (c) => { const n = c.codePointAt(0); return n < 32 && n !== 10 ? String.fromCodePoint(0x2400 + n) : n === 127 ? "\\u2421" : n >= 128 && n < 160 ? "\\uFFFD" : c; }).join("");
const summary = (event) => {
  const d = event.data;
  if (event.type === "audit") return d.actor + "  " + d.action + (d.statusCode ? "  " + d.statusCode : "") + (d.duration === undefined ? "" : "  " + Math.round(d.duration) + " ms");
  if (event.type === "log") return d.level + "  " + d.message;
  if (event.type === "repository") return String(d.commit).slice(0, 10) + "  " + (d.author ?? "") + "  " + (d.message ?? "").split("\\n")[0];
  return JSON.stringify(d);
};
const show = (event) => {
  const row = document.createElement("li");
  row.dataset.type = event.type;
  row.hidden = !shown.has(event.type);
  const time = document.createElement("span"), kind = document.createElement("b"), text = document.createElement("code");
  time.textContent = new Date(event.ts).toLocaleTimeString();
  kind.textContent = event.type;
  text.textContent = visible(summary(event));
  row.append(time, kind, text);
  list.prepend(row);
  if (list.children.length > 500) list.lastElementChild.remove();
  empty.hidden = true;
};
const source = new EventSource(document.body.dataset.stream);
source.onopen = () => { state.textContent = "live"; };
source.onerror = () => { state.textContent = source.readyState === EventSource.CLOSED ? "stream ended: reload the page" : "reconnecting"; };
source.onmessage = (message) => show(JSON.parse(message.data));
for (const box of document.querySelectorAll("nav input")) box.onchange = () => {
  if (box.checked) shown.add(box.value); else shown.delete(box.value);
  for (const row of list.children) row.hidden = !shown.has(row.dataset.type);
};
document.querySelector("form").onsubmit = async (submit) => {
  submit.preventDefault();
  const input = document.querySelector("#text"), error = document.querySelector("#error");
  try {
    const reply = await fetch("/notes", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ text: input.value }) });
    error.textContent = reply.ok ? "" : (await reply.json()).error;
    if (reply.ok) input.value = "";
  } catch { error.textContent = "the server did not answer; is it still running?"; }
};
`;

const hashOf = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** Nothing but this page's own script and styles may run, and it may talk to its own server only. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `script-src ${hashOf(script)}`,
  `style-src ${hashOf(styles)}`,
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

const escapeAttribute = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/** The page's HTML. `streamUrl` is where its EventSource connects, one-time ticket included. */
export function renderPage(streamUrl: string): string {
  const filters = ["audit", "log", "performance", "repository"]
    .map((type) => `<label><input type="checkbox" value="${type}" checked> ${type}</label>`)
    .join("");
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Notes, and what they cause</title><style>${styles}</style></head>
<body data-stream="${escapeAttribute(streamUrl)}">
<h1>Notes, and what they cause</h1>
<p>Every request, log line, metric and commit of this app, stored by the kit inside it and shown as it arrives.</p>
<form><input type="text" id="text" placeholder="Write a note" aria-label="Note" maxlength="2000" required autocomplete="off"><button class="primary">Save</button><span id="error" role="alert"></span></form>
<nav aria-label="Show">${filters}<span id="state" role="status">connecting</span></nav>
<div id="empty" class="empty">No events yet. Save a note.</div>
<ol id="events" aria-live="polite"></ol>
<script>${script}</script>
</body></html>
`;
}
