// The program of a child process that stores a batch and is killed before it can answer.

/** Prints the credentials, sends the batch, ends itself with SIGKILL after the commit. */
export function killedChildSource(source: { readonly specifier: string; readonly exportName: string }): string {
  return `
import { createServerKit } from "@cuitty/server-kit";
import { ${source.exportName} as factory } from ${JSON.stringify(source.specifier)};
const kit = await createServerKit({ dataDir: process.env.CUITTY_TEST_DIR, modules: [factory()], minFreeBytes: 0, environment: {}, runJobs: false });
const { apiKey, projectId } = await kit.bootstrap({ email: "test@example.com", organization: "Test" });
await new Promise((resolve) => process.stdout.write(JSON.stringify({ apiKey, projectId }), resolve));
kit.stages.after("write", () => process.kill(process.pid, "SIGKILL"));
const headers = { authorization: "Bearer " + apiKey, "content-type": "application/json", "x-cuitty-idempotency-key": "conformance-kill" };
await kit.fetch(new Request("http://kit.test/api/ingest", { method: "POST", body: process.env.CUITTY_TEST_BODY, headers }));
`;
}
