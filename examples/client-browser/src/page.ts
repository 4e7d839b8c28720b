// The page's own code: counts clicks, and tells about itself until the very end.
import { createCuittyClient } from "@cuitty/sdk";

const { projectId = "", apiKey = "" } = document.body.dataset;
// A publishable key: it may only send events, and only from this origin. Pages have no place for a secret, so nothing is signed.
const cuitty = createCuittyClient({ portalUrl: "/", projectId, apiKey, spool: "indexeddb" }).start();

document.querySelector("button")?.addEventListener("click", () => {
  cuitty.emit({ type: "audit", data: { actor: "visitor", action: "button.click", resource: "page" } });
});

addEventListener("error", ({ message, filename }) => {
  cuitty.emit({ type: "error", data: { name: "Error", message, release: "client-browser@0.0.0", environment: filename } });
});

// What happens last is delivered too: the client's own listener, which was added before, is called again when the page is hidden for good.
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "hidden") return;
  cuitty.emit({
    type: "performance",
    data: { service: "page", metric: "seconds_open", value: Math.round(performance.now() / 1_000), unit: "s" },
  });
});

cuitty.emit({ type: "audit", data: { actor: "visitor", action: "page.open", resource: location.pathname } });
