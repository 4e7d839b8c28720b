// The file that the kit's storage thread runs: module files, and what the kit's own modules do inside a write.
import { hostModuleFiles } from "@cuitty/storage/module-file/thread";
import { appendEntries } from "./modules/audit/append.ts";

hostModuleFiles({ procedures: [appendEntries] });
