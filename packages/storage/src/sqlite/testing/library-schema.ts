// For tests: a small library of authors, books and loans, and a table with a column of every kind.
import { relations, sql } from "drizzle-orm";
import { type AnySQLiteColumn, blob, integer, numeric, primaryKey, real, sqliteTable, text } from "drizzle-orm/sqlite-core";

export const cities = sqliteTable("cities", { id: integer("id").primaryKey(), name: text("name").notNull() });

export const authors = sqliteTable("authors", {
  id: integer("id").primaryKey(),
  name: text("name").notNull(),
  isLiving: integer("is_living", { mode: "boolean" }).notNull().default(true),
  tags: text("tags", { mode: "json" }).$type<string[]>(),
  cityId: integer("city_id").references(() => cities.id),
  mentorId: integer("mentor_id").references((): AnySQLiteColumn => authors.id),
  createdAt: integer("created_at", { mode: "timestamp" }).notNull().default(sql`(unixepoch())`),
});

export const books = sqliteTable("books", {
  id: integer("id").primaryKey({ autoIncrement: true }),
  name: text("name").notNull(),
  authorId: integer("author_id").references(() => authors.id, { onDelete: "cascade" }),
  price: integer("price").notNull().default(0),
});

export const loans = sqliteTable(
  "loans",
  { bookId: integer("book_id").notNull(), reader: text("reader").notNull(), note: text("note") },
  (t) => [primaryKey({ columns: [t.bookId, t.reader] })],
);

export const kinds = sqliteTable("kinds", {
  id: integer("id").primaryKey(),
  whole: integer("whole"),
  isSet: integer("is_set", { mode: "boolean" }),
  seconds: integer("seconds", { mode: "timestamp" }),
  millis: integer("millis", { mode: "timestamp_ms" }),
  fraction: real("fraction"),
  words: text("words"),
  object: text("object", { mode: "json" }).$type<unknown>(),
  bytes: blob("bytes", { mode: "buffer" }),
  blobObject: blob("blob_object", { mode: "json" }).$type<unknown>(),
  blobBig: blob("blob_big", { mode: "bigint" }),
  decimal: numeric("decimal"),
  decimalNumber: numeric("decimal_number", { mode: "number" }),
  decimalBig: numeric("decimal_big", { mode: "bigint" }),
});

export const authorsRelations = relations(authors, ({ one, many }) => ({
  city: one(cities, { fields: [authors.cityId], references: [cities.id] }),
  mentor: one(authors, { fields: [authors.mentorId], references: [authors.id], relationName: "mentor" }),
  pupils: many(authors, { relationName: "mentor" }),
  books: many(books),
}));
export const booksRelations = relations(books, ({ one }) => ({
  author: one(authors, { fields: [books.authorId], references: [authors.id] }),
}));
export const citiesRelations = relations(cities, ({ many }) => ({ authors: many(authors) }));

export const librarySchema = { cities, authors, books, loans, kinds, authorsRelations, booksRelations, citiesRelations };
