// The tables of a tenant file.
export { edges, insertEdgeSchema, selectEdgeSchema } from "./edges.ts";
export { edgeTypes, insertEdgeTypeSchema, selectEdgeTypeSchema } from "./edgeTypes.ts";
export { GRAPH_STATUSES, graphs, insertGraphSchema, selectGraphSchema } from "./graphs.ts";
export {
  GRAPH_TYPE_SCOPES,
  type GraphConfig,
  GraphConfigSchema,
  graphTypes,
  insertGraphTypeSchema,
  selectGraphTypeSchema,
} from "./graphTypes.ts";
export { insertNodeSchema, nodes, selectNodeSchema } from "./nodes.ts";
export { insertNodeTypeSchema, nodeTypes, selectNodeTypeSchema } from "./nodeTypes.ts";
