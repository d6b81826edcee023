import { createHash } from "node:crypto";
import { Type } from "typebox";
import { Value } from "typebox/value";
import { parseJson } from "./archive-state.ts";
import { parseLsn } from "./lsn.ts";

/*
 * PostgreSQL's own list of what a base backup holds: every file with size and digest, which part of the write-ahead log
 * makes it consistent, and a digest of the list itself.
 */

const Listed = Type.Object({
  "PostgreSQL-Backup-Manifest-Version": Type.Integer(),
  Files: Type.Array(
    Type.Object({ Path: Type.Optional(Type.String()), "Encoded-Path": Type.Optional(Type.String()), Size: Type.Integer(), "Checksum-Algorithm": Type.Literal("SHA256"), Checksum: Type.String({ pattern: "^[0-9a-f]{64}$" }) }),
  ),
  "WAL-Ranges": Type.Array(Type.Object({ Timeline: Type.Integer(), "Start-LSN": Type.String(), "End-LSN": Type.String() }), { minItems: 1 }),
});

export interface BackupManifest {
  readonly files: ReadonlyMap<string, { readonly bytes: number; readonly sha256: string }>;
  readonly timeline: number;
  readonly start: bigint;
  readonly end: bigint;
}

/** Throws, naming `path`, for anything but a whole manifest. */
export function parseBackupManifest(text: string, path: string): BackupManifest {
  const [, before, digest] = /^([\s\S]*\n)"Manifest-Checksum": "([0-9a-f]{64})"\}\n?$/.exec(text) ?? [];
  if (before === undefined || createHash("sha256").update(before).digest("hex") !== digest) throw new Error(`${path} is damaged: its own checksum is wrong`);
  const listed = parseJson(text);
  if (!Value.Check(Listed, listed)) throw new Error(`${path} is not a manifest that this version of Earwitness can read`);
  const [range] = listed["WAL-Ranges"];
  const pathOf = (file: (typeof listed.Files)[number]): string => file.Path ?? Buffer.from(file["Encoded-Path"] ?? "", "hex").toString("utf8");
  return {
    files: new Map(listed.Files.map((file) => [pathOf(file), { bytes: file.Size, sha256: file.Checksum }])),
    timeline: range!.Timeline,
    start: parseLsn(range!["Start-LSN"]),
    end: parseLsn(range!["End-LSN"]),
  };
}
