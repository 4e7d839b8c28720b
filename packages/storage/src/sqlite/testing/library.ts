// For tests: the library's tables in a new file, with or without rows, as a Drizzle database.
import type { EngineName } from "../../engine/driver.ts";
import type { HonkerDatabase } from "../adapter/database.ts";
import { drizzle, type HonkerDrizzleConfig, type StorageClient } from "../drizzle.ts";
import { ddlOf } from "./ddl.ts";
import { type TestFiles, testFiles } from "./drivers.ts";
import { authors, books, cities, kinds, librarySchema, loans } from "./library-schema.ts";

export type LibraryDatabase = HonkerDatabase<typeof librarySchema, StorageClient>;

export interface Library {
  readonly db: LibraryDatabase;
  readonly files: TestFiles;
}

/** An empty library. */
export function emptyLibrary(engine: EngineName, config: Omit<HonkerDrizzleConfig, "schema"> = {}): Library {
  const files = testFiles();
  const driver = files.open(engine);
  for (const table of [cities, authors, books, loans, kinds]) {
    for (const statement of ddlOf(table, { strict: false })) driver.exec(statement);
  }
  return { db: drizzle(driver, { ...config, schema: librarySchema }), files };
}

/** Two cities, three authors, four books. */
export function filledLibrary(engine: EngineName, config: Omit<HonkerDrizzleConfig, "schema"> = {}): Library {
  const library = emptyLibrary(engine, config);
  const { db } = library;
  db.insert(cities)
    .values([
      { id: 1, name: "Prague" },
      { id: 2, name: "Lima" },
    ])
    .run();
  db.insert(authors)
    .values([
      { id: 1, name: "Ada", cityId: 1, tags: ["poet", "critic"] },
      { id: 2, name: "Bo", cityId: 2, mentorId: 1, isLiving: false },
      { id: 3, name: "Cy", mentorId: 1 },
    ])
    .run();
  db.insert(books)
    .values([
      { name: "First", authorId: 1, price: 10 },
      { name: "Second", authorId: 1, price: 20 },
      { name: "Third", authorId: 2, price: 30 },
      { name: "Anonymous", price: 5 },
    ])
    .run();
  return library;
}
