// Public entry `@cuitty/storage/module-file/thread`: what the file of a storage thread calls.
export { type HostOptions, hostModuleFiles } from "./host.ts";
