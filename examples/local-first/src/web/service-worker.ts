// Keeps the page's own files, so that the app opens without a network. The data is in IndexedDB and needs no help.

interface WorkerEvent {
  waitUntil(work: Promise<unknown>): void;
}

interface FetchEventLike extends WorkerEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

interface WorkerScope {
  addEventListener(type: "install" | "activate", listener: (event: WorkerEvent) => void): void;
  addEventListener(type: "fetch", listener: (event: FetchEventLike) => void): void;
  skipWaiting(): Promise<void>;
  readonly clients: { claim(): Promise<void> };
}

const scope = globalThis as unknown as WorkerScope;
const cacheName = "notes";

scope.addEventListener("install", (event) => event.waitUntil(install()));
scope.addEventListener("activate", (event) => event.waitUntil(scope.clients.claim()));
scope.addEventListener("fetch", (event) => {
  if (event.request.method === "GET") event.respondWith(answer(event.request));
});

/** The server lists its files, so that every chunk is there before the first offline start. */
async function install(): Promise<void> {
  const files = (await (await fetch("/files.json")).json()) as string[];
  await (await caches.open(cacheName)).addAll(files);
  await scope.skipWaiting();
}

/** The network first, so that a new version is seen at once; what was kept when there is none. */
async function answer(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await caches.match(request, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}
