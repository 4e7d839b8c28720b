// Byte budgets of what a user's bundle gets at once: minified, gzipped, without what is imported on demand.

/** Leaves dynamic imports out: a bundler makes chunks of their own of them, fetched when they are needed. */
const initialChunk = (config) => ({
  ...config,
  format: "esm",
  plugins: [
    {
      name: "initial-chunk",
      setup: (build) => build.onResolve({ filter: /./ }, ({ kind }) => (kind === "dynamic-import" ? { external: true } : undefined)),
    },
  ],
});

const entry = (name, path, names, limit) => ({
  name,
  path: `packages/${path}`,
  import: `{ ${names} }`,
  limit,
  gzip: true,
  ignore: ["node:*"],
  modifyEsbuildConfig: initialChunk,
});

export default [
  entry("wire-protocol: headers, limits and CuittyError", "wire-protocol/dist/index.js", "CuittyError, HEADER, LIMITS", "1.5 kB"),
  entry("sdk: initial chunk in a browser", "sdk/dist/browser/index.js", "createCuittyClient", "3.5 kB"),
  entry("sdk: initial chunk in Node", "sdk/dist/node/index.js", "createCuittyClient", "4.5 kB"),
  entry("persist: initial chunk, with encryption", "persist/dist/index.js", "createStore", "25 kB"),
];
