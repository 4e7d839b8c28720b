// Runs inside the scratch project: every type in a signature of a public export must have a public name, or nobody can write it down,
// and every optional member of options must take `undefined`, or `exactOptionalPropertyTypes` would not let `process.env.X` through.
import { readFileSync } from "node:fs";
import ts from "typescript";

/** Steps of inference, and Drizzle's classes as this engine has them: what is made of them has a name. */
const unnamed = new Set(["CallsOf", "Call", "StaticOf", "PrimaryKeys", "FullSchema", "Tx", "ListQuery", "KnownKeys", "Turns", "Scheduler"]);
const internals =
  /^Honker(?!Event)|^(?:SessionCore|QueryHost|QueryShape|ResultMapper|RawRead|WriterGate|TransactionToken|BaseSQLiteDatabase|SQLiteTransaction)$/;

const { subpaths } = JSON.parse(readFileSync("subpaths.json", "utf8"));
const program = ts.createProgram(["use-types.mts"], {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  types: ["node"],
  strict: true,
  skipLibCheck: true,
});
const checker = program.getTypeChecker();
const source = program.getSourceFile("use-types.mts");
const imports = source.statements.filter(ts.isImportDeclaration).map(({ moduleSpecifier }) => moduleSpecifier);

/** Symbol to where it is exported. */
const exported = new Map();
for (const specifier of imports)
  for (const symbol of checker.getExportsOfModule(checker.getSymbolAtLocation(specifier)))
    if (!exported.has(resolved(symbol))) exported.set(resolved(symbol), `${specifier.text}: ${symbol.name}`);

const problems = new Map();
const exact = [];
const seen = new Set();
for (const [symbol, place] of exported) look(symbol, place);
for (const [name, place] of problems) console.error(`${name} has no public name, and ${place} has it in its signature`);
for (const member of exact) console.error(`${member} does not take undefined`);
if (imports.length !== subpaths.filter(({ kind }) => kind === "code").length) console.error("not every subpath was looked at");
else console.log(`${exported.size} exports`);
process.exitCode = problems.size + exact.length === 0 ? 0 : 1;

function look(symbol, place) {
  if (seen.has(symbol)) return;
  seen.add(symbol);
  for (const declaration of symbol.declarations ?? []) if (isOurs(declaration)) visit(declaration, place);
}

function visit(node, place) {
  if (ts.isInterfaceDeclaration(node) && /Options$/.test(node.name.text)) checkOptions(node);
  const named = nameIn(node);
  const found = named && checker.getSymbolAtLocation(named);
  if (found) meet(resolved(found), place);
  ts.forEachChild(node, (child) => visit(child, place));
}

function checkOptions({ name, members }) {
  for (const member of members)
    if (ts.isPropertySignature(member) && member.questionToken && !/\bundefined$|^unknown$/.test(member.type.getText()))
      exact.push(`${name.text}.${member.name.getText()}`);
}

/** The name that a part of a type refers to something by. */
function nameIn(node) {
  if (ts.isTypeReferenceNode(node)) return node.typeName;
  if (ts.isExpressionWithTypeArguments(node)) return node.expression;
  return undefined;
}

function meet(symbol, place) {
  const isParameter = (symbol.flags & ts.SymbolFlags.TypeParameter) !== 0;
  const name = symbol.name.replace(/\$\d+$/, "");
  if (isParameter || exported.has(symbol) || !symbol.declarations?.some(isOurs) || unnamed.has(name) || internals.test(name)) return;
  problems.set(name, place);
  look(symbol, place);
}

function resolved(symbol) {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

function isOurs(declaration) {
  return /\/node_modules\/@cuitty\/[^/]+\/dist\//.test(declaration.getSourceFile().fileName);
}
