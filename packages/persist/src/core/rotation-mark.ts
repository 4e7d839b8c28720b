// The row that tells of a rotation: other tabs hear of a new key by it, and an interrupted one is gone on with.

/** Present while values are sealed anew. */
export const rotationMark = { facet: "meta", path: "rotation" } as const;
