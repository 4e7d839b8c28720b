// Public surface of `@cuitty/persist/testing`: the suite an adapter must pass, for any test runner.
export { adapterContract, type ContractCase, type ContractOptions } from "./adapter-contract.ts";
