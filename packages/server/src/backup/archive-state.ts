import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Type, type Static } from "typebox";
import { Value } from "typebox/value";
import { writeFileDurably } from "#vault";

/** What the archive knows of itself: beside the log, so that a restore can say what it cannot bring back. */
const ArchiveState = Type.Object({
  format: Type.Literal(1),
  systemIdentifier: Type.String(),
  timeline: Type.Integer(),
  completeAt: Type.String({ description: "what the database had committed by then is there" }),
  completeLsn: Type.String(),
  partial: Type.Union([Type.Object({ file: Type.String(), bytes: Type.Integer(), sha256: Type.String() }), Type.Null()], { description: "the segment that was not whole then, as far as it was safe" }),
  closedAt: Type.Union([Type.String(), Type.Null()], { description: "the database was shut down in order then, and nothing came after" }),
});
export type ArchiveState = Static<typeof ArchiveState>;

const fileOf = (dir: string): string => join(dir, "archive.json");

export async function writeArchiveState(dir: string, state: ArchiveState): Promise<void> {
  await writeFileDurably(fileOf(dir), [Buffer.from(`${JSON.stringify(state)}\n`)]);
}

/** Null where nothing was ever archived. */
export async function readArchiveState(dir: string): Promise<ArchiveState | null> {
  const path = fileOf(dir);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (text === null) return null;
  const state: unknown = parseJson(text);
  if (!Value.Check(ArchiveState, state)) throw new Error(`${path} is damaged`);
  return state;
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // no shape fits it
  }
}
