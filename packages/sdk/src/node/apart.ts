// Keeps the client's requests off the connections of the host's, where one connection has many requests at a time.

/** Undici, which is behind Node's fetch, offers HTTP/2 from version 8 on, in Node 26. */
export const offersHttp2 = Number.parseInt(process.versions.undici ?? "", 10) >= 8;

interface Dispatcher {
  dispatch(options: object, handler: object): unknown;
}

/**
 * Hands requests on to the dispatcher of the process, which has connections of their own for those that refuse HTTP/2. Copies of undici before 8, which an
 * app may have put in the place of Node's fetch, have handlers of another kind, and a dispatcher that takes them.
 */
const dispatcher: Dispatcher = {
  dispatch(options, handler) {
    const kind = "onRequestStart" in handler ? 2 : 1;
    const ofProcess = (globalThis as { [key: symbol]: unknown })[Symbol.for(`undici.globalDispatcher.${kind}`)] as Dispatcher;
    return ofProcess.dispatch({ ...options, allowH2: false }, handler);
  },
};

/** Calls Node's fetch. */
export const fetchApart = (request: typeof fetch, url: string, init: RequestInit): Promise<Response> =>
  request(url, { ...init, dispatcher } as RequestInit);
