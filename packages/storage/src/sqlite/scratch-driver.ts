// @ts-nocheck scratch
import Database from "libsql";
export function scratchDriver(path) {
  const db = new Database(path);
  db.defaultSafeIntegers(true);
  db.exec("PRAGMA journal_mode=WAL; PRAGMA foreign_keys=ON;");
  const cache = new Map();
  const listeners = new Set();
  const fix = (v) => (typeof v === "bigint" && v <= 9007199254740991n && v >= -9007199254740991n ? Number(v) : v);
  const bind = (p) => p.map((v) => (typeof v === "number" && Number.isInteger(v) && !Object.is(v, -0) ? BigInt(v) : v));
  const driver = {
    engine: "libsql",
    path,
    sqliteVersion: "3.45.1",
    get inTransaction() {
      return db.inTransaction;
    },
    prepare(sql) {
      let s = cache.get(sql);
      if (!s) {
        const st = db.prepare(sql);
        let columns = [];
        try {
          st.raw(true);
          columns = st.columns().map((c) => c.name);
        } catch {}
        s = {
          sql,
          columns,
          run(p = []) {
            const r = columns.length ? (st.all(bind(p)), { changes: 0, lastInsertRowid: 0 }) : st.run(bind(p));
            return { changes: Number(r.changes), lastInsertRowid: fix(r.lastInsertRowid) };
          },
          all(p = []) {
            if (!columns.length) {
              st.run(bind(p));
              return [];
            }
            return st.all(bind(p)).map((r) => Array.from(r, fix));
          },
          get(p = []) {
            const r = st.get(bind(p));
            return r ? Array.from(r, fix) : undefined;
          },
        };
        cache.set(sql, s);
      }
      return s;
    },
    exec(sql) {
      db.exec(sql);
    },
    transaction(body) {
      if (db.inTransaction) return body();
      db.exec("BEGIN IMMEDIATE");
      try {
        const r = body();
        db.exec("COMMIT");
        return r;
      } catch (e) {
        if (db.inTransaction) db.exec("ROLLBACK");
        throw e;
      }
    },
    onCommit(l) {
      listeners.add(l);
      return () => listeners.delete(l);
    },
    close() {
      db.close();
    },
  };
  return driver;
}
