/** Names of objects and keys become paths and URLs: they are checked here, so that none can lead out of its directory. */

const segment = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$/;

/** Letters, digits, `.`, `_`, `-`; begins with a letter, a digit or `_`, which leaves out `.`, `..` and hidden files. */
export function safeSegment(text: string): string {
  if (!segment.test(text)) throw new Error(`not a safe name: ${JSON.stringify(text)}`);
  return text;
}

export function objectNameSegments(name: string): string[] {
  if (name.length > 900) throw new Error("an object's name is at most 900 characters");
  return name.split("/").map(safeSegment);
}
