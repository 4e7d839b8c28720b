// A client that sends a body of 5 MiB and a little more ten times, each in one go, and tells what it heard: statuses, or codes of connections that broke.
import { request } from "node:http";

const { PORT: port = "", KEY: key = "", CHUNKED: chunked } = process.env;
const body = Buffer.alloc(5 * 1024 * 1024 + 64 * 1024, " ");
const headers = {
  authorization: `Bearer ${key}`,
  "content-type": "application/json",
  ...(chunked === undefined ? { "content-length": body.length } : { "transfer-encoding": "chunked" }),
};

function send(): Promise<unknown> {
  return new Promise((resolve) => {
    const sent = request({ host: "127.0.0.1", port, path: "/api/ingest", method: "POST", headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on("error", (error: NodeJS.ErrnoException) => resolve(error.code));
    sent.end(body);
  });
}

const heard: unknown[] = [];
for (let time = 0; time < 10; time++) heard.push(await send());
process.stdout.write(JSON.stringify(heard));
