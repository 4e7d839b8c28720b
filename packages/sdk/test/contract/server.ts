// The server of the contract cases. A project's name is its orders: a fault for each request, in turn; then everything is taken.
import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import type { SeenBatch } from "./cases.ts";

export interface ContractServer {
  readonly url: string;
  close(): void;
}

export async function startContractServer(): Promise<ContractServer> {
  const seen = new Map<string, SeenBatch[]>();
  const server = createServer(async (request, response) => {
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader("Access-Control-Allow-Headers", "*, Authorization");
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.method === "OPTIONS") response.end();
    else if (request.method === "GET") response.end(JSON.stringify(seen.get(decodeURIComponent(request.url?.split("/")[2] ?? "")) ?? []));
    else take(request, response, Buffer.concat(chunks), seen);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function take({ headers }: IncomingMessage, response: ServerResponse, wire: Buffer, seen: Map<string, SeenBatch[]>): void {
  const project = String(headers["x-project-id"]);
  const body = (headers["content-encoding"] === "gzip" ? gunzipSync(wire) : wire).toString();
  const { events } = JSON.parse(body);
  const batches = seen.get(project) ?? [];
  seen.set(project, batches);
  const signature = createHmac("sha256", "whsec_contract").update(wire).digest("hex");
  batches.push({ key: String(headers["x-cuitty-idempotency-key"]), isSigned: headers["x-cuitty-signature"] === signature, body, events });
  const fault = project.split(",")[batches.length - 1] ?? "";
  if (fault === "hang") return;
  if (fault === "lose_ack") response.destroy();
  else response.writeHead(/^\d/.test(fault) ? Number(fault) : 200).end(JSON.stringify({ accepted: events.length, rejected: [] }));
}
