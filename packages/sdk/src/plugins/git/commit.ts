// Reads the text of a commit object.

export interface GitCommit {
  readonly id: string;
  readonly parents: readonly string[];
  readonly author: string;
  readonly authorEmail: string;
  /** Units: seconds since 1970. */
  readonly committedAtS: number;
  /** RFC 3339 with the committer's own offset. */
  readonly committedAt: string;
  readonly message: string;
  /** The history is cut here on purpose (shallow clone): the parents are not there. */
  readonly isBoundary?: boolean;
}

const maxMessageChars = 8_192;

/** Parses the content of a commit object; undefined when it is none. Source: git, commit object format. */
export function parseCommit(id: string, content: Buffer): GitCommit | undefined {
  const end = content.indexOf("\n\n");
  const head = content.toString("utf8", 0, end < 0 ? content.length : end).split("\n");
  const committer = personOf(head, "committer");
  const author = personOf(head, "author") ?? committer;
  if (committer === undefined || author === undefined) return undefined;
  const encoding = headerOf(head, "encoding") ?? "utf-8";
  const message = end < 0 ? "" : decode(content.subarray(end + 2), encoding).trimEnd();
  return {
    id,
    // They become paths: what is no id is none.
    parents: head.filter((line) => line.startsWith("parent ")).flatMap((line) => /^[0-9a-f]{40,64}$/.exec(line.slice(7)) ?? []),
    author: author.name,
    authorEmail: author.email,
    committedAtS: committer.atS,
    committedAt: rfc3339(committer.atS, committer.offset),
    message: message.length > maxMessageChars ? `${message.slice(0, maxMessageChars)}…` : message,
  };
}

function headerOf(head: readonly string[], key: string): string | undefined {
  return head.find((line) => line.startsWith(`${key} `))?.slice(key.length + 1);
}

function personOf(head: readonly string[], key: string) {
  const text = headerOf(head, key) ?? "";
  const start = text.indexOf("<");
  // From the end: whoever made the commit may have put any number of brackets into his name.
  const end = text.lastIndexOf("> ");
  const [, seconds, offset] = /^(-?\d+) ([+-]\d{4})$/.exec(text.slice(end + 2)) ?? [];
  if (start < 0 || end < start || seconds === undefined || offset === undefined) return undefined;
  return { name: text.slice(0, start).replace(/ $/, ""), email: text.slice(start + 1, end), atS: Number(seconds), offset };
}

function rfc3339(atS: number, offset: string): string {
  const minutes = (offset.startsWith("-") ? -1 : 1) * (Number(offset.slice(1, 3)) * 60 + Number(offset.slice(3, 5)));
  const isOffset = Math.abs(minutes) < 24 * 60 && Number(offset.slice(3, 5)) < 60;
  const at = new Date((atS + (isOffset ? minutes * 60 : 0)) * 1_000);
  // Dates beyond the calendar exist in damaged repositories.
  if (Number.isNaN(at.getTime()) || at.getUTCFullYear() > 9_999 || at.getUTCFullYear() < 0) return new Date(0).toISOString();
  const local = at.toISOString().slice(0, 19);
  return !isOffset || minutes === 0 ? `${local}Z` : `${local}${offset.slice(0, 3)}:${offset.slice(3)}`;
}

function decode(bytes: Buffer, encoding: string): string {
  try {
    return new TextDecoder(encoding).decode(bytes);
  } catch {
    return bytes.toString("utf8");
  }
}
