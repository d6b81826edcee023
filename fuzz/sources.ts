/** Which sources a parser's fuzzing ran on: its harness, and all of the project's code that the harness reaches by import. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const parsersDir = join(import.meta.dirname, "parsers");

interface Import {
  readonly names: readonly string[];
  readonly from: string;
}

/** Types are not run. */
function importsOf(file: string): Import[] {
  const statements = readFileSync(file, "utf8").matchAll(/^(?:import|export)\s+(?!type\b)(?:\*\s*(?:as\s+\w+\s*)?|\{([^}]*)\}\s*)from\s+"([^"]+)"/gm);
  return [...statements].map(([, names = "", from = ""]) => ({ from, names: names.split(",").flatMap((name) => /^\s*(?!type\s)(\w+)/.exec(name)?.[1] ?? []) }));
}

/** The files behind one import: of a package of ours those that give what is imported, so that its other parts are no part of this. */
function filesOf({ names, from }: Import, importer: string): string[] {
  if (from.startsWith(".")) return [join(dirname(importer), from)];
  const [, name, subpath = ""] = /^@earwitness\/([\w-]+)(\/.*)?$/.exec(from) ?? [];
  if (name === undefined) return [];
  const folder = join(root, "packages", name);
  const { exports } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { readonly exports: Readonly<Record<string, string>> };
  const door = join(folder, exports[`.${subpath}`]!);
  const given = importsOf(door);
  return names.map((one) => {
    const behind = given.find((other) => other.names.includes(one));
    return behind === undefined ? door : join(dirname(door), behind.from);
  });
}

/** Paths from the root, sorted. The search itself is none of them: how an input was found says nothing about the parser. */
export function sourcesOf(parser: string): string[] {
  const harness = readdirSync(parsersDir).map((name) => join(parsersDir, name)).find((file) => readFileSync(file, "utf8").includes(`name: "${parser}"`));
  if (harness === undefined) throw new Error(`no file of ${parsersDir} has a harness named ${parser}`);
  const found = new Set<string>();
  const waiting = [harness];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (found.has(file) || dirname(file) === import.meta.dirname) continue;
    found.add(file);
    waiting.push(...importsOf(file).flatMap((one) => filesOf(one, file)));
  }
  return [...found].map((file) => relative(root, file)).toSorted();
}

export function digestOf(parser: string): string {
  const hash = createHash("sha256");
  for (const file of sourcesOf(parser)) hash.update(`${file}\0`).update(readFileSync(join(root, file))).update("\0");
  return hash.digest("hex").slice(0, 16);
}
