// `@cuitty/sdk/testing`: doubles for tests of code that uses a client. The recorder runs wherever fetch does, the fault server on Node and Bun.
export {
  createFaultServer,
  type Fault,
  type FaultServer,
  type FaultServerOptions,
  type SeenRequest,
  type StoredEvent,
} from "./testing/fault-server.ts";
export { createRecorder, type RecordedEvent, type RecordedRequest, type Recorder } from "./testing/recorder.ts";
