import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";

/**
 * The table of doors. Every room, and which other rooms' doors it may open; the ground floor is open to all. A new arrow
 * is a decision: write it here, and in ARCHITECTURE.md.
 */
const ground = ["ids", "clock", "log", "errors"];
const doors: Record<string, readonly string[]> = {
  ids: [],
  clock: [],
  log: [],
  errors: [],
  db: [],
  evidence: ["db"],
  vault: ["db", "evidence"],
  backup: ["db", "vault"],
  tenants: ["db", "evidence"],
  directory: ["db", "evidence", "tenants"],
  access: ["db", "evidence", "tenants", "directory"],
  people: ["db", "evidence", "tenants", "directory", "access"],
  replication: ["db", "evidence", "vault", "tenants", "directory", "access", "people"],
  trunks: ["db", "evidence", "tenants", "directory", "access"],
  nodes: ["db", "evidence", "vault", "tenants", "access", "trunks"],
  policy: ["db", "evidence", "directory"],
  recorder: ["db", "evidence", "vault", "policy", "access", "nodes"],
  interactions: ["db", "evidence", "access", "recorder"],
  audit: ["db", "evidence", "access"],
  playback: ["db", "evidence", "vault", "access", "recorder", "interactions"],
  transparency: ["db", "evidence", "access"],
  export: ["db", "evidence", "vault", "access", "recorder", "interactions"],
  fsck: ["db", "evidence", "vault", "recorder", "audit", "transparency"],
  ingest: ["recorder", "trunks", "policy"],
  portal: ["access", "evidence"],
  // Opened by tests only.
  testing: ["db", "evidence", "vault", "tenants", "directory", "access", "people", "replication", "trunks", "interactions", "audit", "playback", "export", "portal", "recorder", "transparency", "fsck"],
};
const vague = /^(utils?|helpers?|types?|common|shared|misc|manager|service|impl|base|lib|core)\.[tj]s$/;
const src = import.meta.dirname;

function filesOf(dir: string): string[] {
  return readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    return statSync(path).isDirectory() ? filesOf(path) : path.endsWith(".ts") ? [path] : [];
  });
}

const imports = (path: string) =>
  [...readFileSync(path, "utf8").matchAll(/(?:from|import)\s*\(?\s*["']([^"']+)["']/g)].map((match) => match[1]!);
const rooms = readdirSync(src).filter((name) => statSync(join(src, name)).isDirectory());

describe("the house", () => {
  test("every room is in the table of doors, and every row of the table is a room", () => {
    expect(rooms.toSorted()).toEqual(Object.keys(doors).toSorted());
  });

  test.for(rooms)("room %s opens only the doors it may", (room) => {
    const allowed = new Set([...ground, ...(doors[room] ?? [])]);
    for (const path of filesOf(join(src, room))) {
      // A test stands in its room, but sets the stage with whatever it needs.
      if (path.endsWith(".test.ts")) continue;
      for (const target of imports(path)) {
        const where = `${relative(src, path)} imports ${target}`;
        if (target.startsWith("#")) expect(allowed, where).toContain(target.slice(1));
        if (target.startsWith(".")) expect(relative(join(src, room), join(dirname(path), target)).startsWith(".."), where).toBe(false);
      }
    }
  });

  test("no two rooms open each other's doors, however far around", () => {
    const path: string[] = [];
    const visit = (room: string): void => {
      expect(path, `${path.join(" → ")} → ${room}`).not.toContain(room);
      path.push(room);
      for (const next of doors[room] ?? []) visit(next);
      path.pop();
    };
    for (const room of Object.keys(doors)) visit(room);
  });

  test("every room has a door", () => {
    for (const room of rooms) expect(readdirSync(join(src, room)), room).toContain("index.ts");
  });

  test("no file has a name that says nothing", () => {
    for (const path of filesOf(src)) expect(path.split("/").at(-1)).not.toMatch(vague);
  });

  test("the environment is read in one place", () => {
    for (const path of filesOf(src)) {
      if (/(config|main|generate)\.ts$|\.test\.ts$|\/testing\//.test(path)) continue;
      expect(readFileSync(path, "utf8"), relative(src, path)).not.toMatch(/process\.env/);
    }
  });

  test("the media, verify, contract and witness packages know nothing of the server, media none of the outside world, and a witness nothing but what is verified", () => {
    const packages = join(src, "../..");
    for (const name of ["media", "verify", "contract", "witness"]) {
      for (const path of filesOf(join(packages, name, "src"))) {
        if (path.endsWith(".test.ts") || path.includes("/testing/")) continue;
        for (const target of imports(path)) {
          const where = `${relative(packages, path)} imports ${target}`;
          expect(target, where).not.toMatch(/^@earwitness\/server/);
          if (name === "media") expect(target, where).not.toMatch(/^node:(fs|net|dgram|http|child_process|worker_threads|timers)/);
          if (name === "verify") expect(target.startsWith("."), where).toBe(true);
          if (name === "witness") expect(target, where).toMatch(/^(\.|node:|@earwitness\/verify$)/);
        }
      }
    }
  });
});
