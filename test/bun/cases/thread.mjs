// A storage thread with a procedure that ends it in the middle of a transaction.
import { hostModuleFiles } from "@cuitty/storage/module-file/thread";

export const endThread = { name: "test.end", run: () => process.exit(1) };

hostModuleFiles({ procedures: [endThread] });
