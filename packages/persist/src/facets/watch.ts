// Calls back on changes of one key or of all keys under a prefix.
import { checkPrefix } from "../core/paths.ts";
import type { Facet, Row } from "../core/row.ts";
import type { Rows } from "../core/rows.ts";
import { checkFunction } from "./check.ts";

/** What happened to a key. */
export interface Change<T> {
  readonly type: "put" | "delete";
  readonly key: string;
  /** The new value of a put made through this store; undefined for a delete and for a change made elsewhere: get it. */
  readonly value?: T;
}

/** Called after a change; what it throws is told as `error`. */
export type ChangeListener<T> = (change: Change<T>) => void;

export interface WatchPort<T> {
  readonly rows: Rows;
  readonly facet: Facet;
  readonly toValue: (row: Row, key: string) => T;
}

/** A target that is empty or ends with "/" is a prefix, any other a key. Listeners run after the change is durable. Returns the unsubscriber. */
export function watchRows<T>({ rows, facet, toValue }: WatchPort<T>, target: string, listener: ChangeListener<T>): () => void {
  checkPrefix(target, "key or prefix");
  checkFunction(listener, "listener");
  const isPrefix = target === "" || target.endsWith("/");
  return rows.onChange((change, row) => {
    if (change.facet !== facet || (isPrefix ? !change.path.startsWith(target) : change.path !== target)) return undefined;
    return listener({ type: change.type, key: change.path, ...(row ? { value: toValue(row, change.path) } : {}) });
  });
}
