// Runs inside the scratch project: the CommonJS builds in a host with a `require` of its own, as Jest is one: no `import()`, and no ES module can be required.
const { readFileSync } = require("node:fs");
const { createRequire, isBuiltin } = require("node:module");
const { mkdtempSync, rmSync } = require("node:fs");
const { dirname, extname, join } = require("node:path");
const { tmpdir } = require("node:os");
const { compileFunction } = require("node:vm");

const modules = new Map();

/** Only the kit's own files run in the host: what else is CommonJS is taken from Node. */
function load(file) {
  if (modules.has(file)) return modules.get(file).exports;
  const module = { exports: {} };
  modules.set(file, module);
  const code = readFileSync(file, "utf8");
  const run = compileFunction(code, ["exports", "require", "module", "__filename", "__dirname"], { filename: file });
  run(module.exports, requireFrom(file), module, file, dirname(file));
  return module.exports;
}

function requireFrom(from) {
  const real = createRequire(from);
  const hosted = (specifier) => {
    if (isBuiltin(specifier)) return real(specifier);
    const file = real.resolve(specifier);
    if (file.includes(join("node_modules", "@cuitty"))) return load(file);
    if (isEsModule(file)) throw new Error(`${specifier} is an ES module, required by ${from}`);
    return real(specifier);
  };
  return Object.assign(hosted, { resolve: real.resolve });
}

function isEsModule(file) {
  if (extname(file) !== ".js") return extname(file) === ".mjs";
  for (let folder = dirname(file); dirname(folder) !== folder; folder = dirname(folder)) {
    try {
      const { name, type } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      if (name !== undefined || type !== undefined) return type === "module";
    } catch {
      // reason: no manifest here, the next folder may have one
    }
  }
  return false;
}

async function main() {
  const host = requireFrom(__filename);
  const folder = mkdtempSync(join(tmpdir(), "cuitty-host-"));
  const { createStore } = host("@cuitty/persist");
  for (const [name, options] of Object.entries({ plain: {}, sealed: { encrypt: true, keyStorage: "file" } })) {
    const store = await createStore({ name, path: join(folder, `${name}.db`), ...options });
    await store.records.put("notes/1", { text: name });
    if ((await store.records.get("notes/1"))?.text !== name) throw new Error(`${name}: the record is not there`);
    if (options.encrypt) await store.crypto.exportKey({ passphrase: "correct horse battery" });
    await store.close();
  }
  const { createServerKit } = host("@cuitty/server-kit");
  const { logs } = host("@cuitty/server-kit/logs");
  const kit = await createServerKit({ dataDir: join(folder, "data"), modules: [logs()] });
  const { projectId, apiKey, webhookSecret } = await kit.bootstrap({ email: "alice@example.com", organization: "Acme" });
  const { createCuittyClient } = host("@cuitty/sdk");
  const fetch = (url, init) => kit.fetch(new Request(url, init));
  const client = createCuittyClient({ portalUrl: "http://app.test", projectId, apiKey, webhookSecret, fetch }).start();
  client.emit({ type: "log", data: { level: "info", message: "from a host" } });
  const { sent } = await client.shutdown();
  await kit.close();
  rmSync(folder, { recursive: true, force: true });
  if (sent !== 1) throw new Error(`${sent} events were sent`);
}

main().then(
  () => console.log("persist, server-kit and sdk work in it"),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
