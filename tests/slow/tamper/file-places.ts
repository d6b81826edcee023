/** What somebody at the disk can do to the files of recordings. */
import { mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { Finding } from "../../../packages/server/src/fsck/index.ts";
import { flipped } from "./changed-values.ts";
import type { Random } from "./tally.ts";
import type { Changes, Done, Stage } from "./stage.ts";

export type FileChange = (stage: Stage) => Promise<Done & { readonly putBack: () => Promise<void> }>;

async function filesIn(dir: string): Promise<string[]> {
  return (await readdir(dir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).toSorted();
}

/** The file itself, or the seconds in it, of its recording. */
const namesFile = (name: string) => (findings: readonly Finding[]): boolean => findings.some(({ where, says }) => where.includes(name) || says.includes(name));

const changing = (how: (path: string, bytes: Buffer, random: Random, others: readonly string[]) => Promise<string>): FileChange => async ({ storeDir, random }) => {
  const files = await filesIn(storeDir);
  const path = random.pick(files);
  const bytes = await readFile(path);
  const what = await how(path, bytes, random, files.filter((other) => other !== path));
  return { what: `${what}, of ${relative(storeDir, path)}`, names: namesFile(relative(storeDir, path)), putBack: () => writeFile(path, bytes) };
};

const bitFlipped = changing(async (path, bytes, random) => {
  await writeFile(path, flipped(random, bytes));
  return "a bit";
});

const cut = changing(async (path, bytes, random) => {
  const left = random.below(bytes.length);
  await truncate(path, left);
  return `cut off after ${left} bytes`;
});

const lengthened = changing(async (path, bytes, random) => {
  const more = random.bytes(1 + random.below(500));
  await writeFile(path, Buffer.concat([bytes, more]));
  return `${more.length} bytes behind it`;
});

const exchanged = changing(async (path, _bytes, random, others) => {
  await writeFile(path, await readFile(random.pick(others)));
  return "another in its place";
});

const deleted = changing(async (path) => {
  await rm(path);
  return "deleted";
});

const added: FileChange = async ({ storeDir, random }) => {
  const path = join(dirname(random.pick(await filesIn(storeDir))), random.pick(["notes.txt", `piece-${random.below(9)}`, "0.ewp"]));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, random.bytes(10));
  return { what: `a file ${relative(storeDir, path)}`, names: namesFile(relative(storeDir, path)), putBack: () => rm(path) };
};

export const fileChanges: Changes<FileChange> = [
  ["a bit of a file", 16, bitFlipped],
  ["a file cut off", 3, cut],
  ["a file lengthened", 2, lengthened],
  ["a file in another's place", 3, exchanged],
  ["a file deleted", 3, deleted],
  ["a file put there", 2, added],
];
