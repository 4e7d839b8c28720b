// Says in the documented words what is wrong with the data of an event. Runs for refused events only.
import { Kind, type TImport, type TIntersect, type TObject, type TRecord, type TSchema, type TUnion } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { branchesOf } from "./compile-schema.ts";
import { importedBy } from "./schema-fault.ts";

/** The first problem in schema order. `expected` has its article: `a string`. */
export interface Problem {
  readonly path: string;
  readonly code: "required" | "invalid";
  readonly expected: string;
}

/** The first problem, or null when the value follows the schema. Two runs on equal values say the same. */
export function explainData(schema: TSchema, data: unknown): Problem | null {
  return explain(schema, data, "data");
}

function explain(schema: TSchema, value: unknown, path: string): Problem | null {
  if (schema[Kind] === "Object") return explainObject(schema as TObject, value, path);
  if (schema[Kind] === "Record") return explainRecord(schema as TRecord, value, path);
  if (schema[Kind] === "Intersect") return explainAll(schema as TIntersect, value, path);
  if (schema[Kind] === "Import") return explain(importedBy(schema as TImport), value, path);
  if (schema[Kind] === "Array" && Array.isArray(value)) return explainList(schema, value, path);
  const branches = schema[Kind] === "Union" ? branchesOf(schema) : [];
  if (branches.length > 0 && branches.length === (schema as TUnion).anyOf.length && isObject(value)) {
    return explainObject(nearestBranch(branches, value), value, path);
  }
  return checkAlone(schema, value) ? null : invalid(path, schema);
}

/** A part of a schema may refer to another part, which is not there when it is checked alone: its whole is what counts then. */
function checkAlone(schema: TSchema, value: unknown): boolean {
  try {
    return Value.Check(schema, value);
  } catch {
    return true;
  }
}

function explainObject(schema: TObject, value: unknown, path: string): Problem | null {
  if (!isObject(value)) return invalid(path, schema);
  const required = new Set(schema.required ?? []);
  for (const [key, member] of Object.entries(schema.properties)) {
    const memberPath = `${path}.${key}`;
    const given = Object.hasOwn(value, key) ? value[key] : undefined;
    if (given === undefined && required.has(key)) return { path: memberPath, code: "required", expected: expectation(member) };
    const problem = given === undefined ? null : explain(member, given, memberPath);
    if (problem !== null) return problem;
  }
  return explainOthers(schema, value, path);
}

function explainOthers(schema: TObject, value: Record<string, unknown>, path: string): Problem | null {
  const others = schema.additionalProperties;
  if (others === undefined || others === true) return null;
  for (const key of Object.keys(value)) {
    if (Object.hasOwn(schema.properties, key)) continue;
    const memberPath = `${path}.${key}`;
    if (others === false) return { path: memberPath, code: "invalid", expected: "no such field" };
    const problem = explain(others, value[key], memberPath);
    if (problem !== null) return problem;
  }
  return null;
}

function explainRecord(schema: TRecord, value: unknown, path: string): Problem | null {
  if (!isObject(value)) return invalid(path, schema);
  const patterns = Object.entries(schema.patternProperties as Record<string, TSchema>).map(
    ([pattern, member]) => [new RegExp(pattern), member] as const,
  );
  for (const [key, given] of Object.entries(value)) {
    const memberPath = `${path}.${key}`;
    const member = patterns.find(([pattern]) => pattern.test(key))?.[1] ?? schema.additionalProperties;
    if (member === false) return { path: memberPath, code: "invalid", expected: "no such field" };
    const problem = typeof member === "object" ? explain(member as TSchema, given, memberPath) : null;
    if (problem !== null) return problem;
  }
  return checkAlone(schema, value) ? null : invalid(path, schema);
}

function explainAll(schema: TIntersect, value: unknown, path: string): Problem | null {
  for (const member of schema.allOf) {
    const problem = explain(member, value, path);
    if (problem !== null) return problem;
  }
  return checkAlone(schema, value) ? null : invalid(path, schema);
}

function explainList(schema: TSchema, list: readonly unknown[], path: string): Problem | null {
  for (const [index, item] of list.entries()) {
    const problem = explain(schema.items as TSchema, item, `${path}[${index}]`);
    if (problem !== null) return problem;
  }
  return checkAlone(schema, list) ? null : invalid(path, schema);
}

/** The member of a union that the sender most likely meant: the one with most of its required fields there, the first on a tie. */
function nearestBranch(branches: readonly TObject[], value: object): TObject {
  const present = (branch: TObject) => (branch.required ?? []).filter((key) => Object.hasOwn(value, key)).length;
  return branches.reduce((best, branch) => (present(branch) > present(best) ? branch : best));
}

function invalid(path: string, schema: TSchema): Problem {
  return { path, code: "invalid", expected: expectation(schema) };
}

/** What a schema asks for, in words. `x-expected` on a schema says it better than its keywords can. */
function expectation(schema: TSchema): string {
  const told: unknown = schema["x-expected"];
  if (typeof told === "string") return told;
  if (schema[Kind] === "Union") return [...new Set((schema as TUnion).anyOf.map(expectation))].join(" or ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const { minimum, maximum } = schema as { minimum?: number; maximum?: number };
  const range = minimum === undefined || maximum === undefined ? "" : ` from ${minimum} to ${maximum}`;
  switch (schema.type) {
    case "string":
      if (typeof schema.format === "string") return `a string of format ${schema.format}`;
      return schema.minLength === 1 ? "a non-empty string" : "a string";
    case "integer":
      return `an integer${range}`;
    case "object":
    case "array":
      return `an ${schema.type}`;
    case "null":
      return "null";
    case undefined:
      return "a valid value";
    default:
      return `a ${String(schema.type)}${range}`;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
