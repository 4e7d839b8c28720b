// Names of the operations that are in no route table: no route may be called like one of them.

/** Of the kit itself. */
export const OPERATION_ID = {
  ingest: "ingest",
  health: "getHealth",
  document: "getOpenApi",
  ticket: "createStreamTicket",
  stream: "stream",
} as const;

/** Of a module's own stream: `streamLogs`. */
export function streamOperationId(moduleName: string): string {
  return `stream${moduleName.replace(/^./, (letter) => letter.toUpperCase())}`;
}
