// The tables of a tenant file.
export { edges } from "./edges.ts";
export { edgeTypes } from "./edgeTypes.ts";
export { GRAPH_STATUSES, graphs } from "./graphs.ts";
export { GRAPH_TYPE_SCOPES, type GraphConfig, graphTypes } from "./graphTypes.ts";
export { nodes } from "./nodes.ts";
export { nodeTypes } from "./nodeTypes.ts";
