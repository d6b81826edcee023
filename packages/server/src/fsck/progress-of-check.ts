/** How far a check is, as a value that survives the process: what was found, and where each part goes on. A file of it is a stranger's until it is parsed. */
import { Type, type Static } from "typebox";
import { Value } from "typebox/value";
import { hashBytes, tileWidth } from "@earwitness/verify";
import { meanings, parts } from "./finding.ts";
import { settingItems } from "./settings-as-stored.ts";

const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const moment = Type.String({ pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$" });
const uuid = Type.String({ pattern: "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$" });
const id = Type.String({ pattern: "^([0-9a-f]{24})?$" });
const closed = { additionalProperties: false };
const part = Type.Enum([...parts]);
const code = Type.Enum(Object.keys(meanings) as (keyof typeof meanings)[]);

const walk = Type.Object({ size: count, levels: Type.Array(Type.String({ maxLength: Math.ceil((tileWidth * hashBytes) / 3) * 4, pattern: "^[A-Za-z0-9+/]*={0,2}$" }), { maxItems: 64 }) }, closed);

/** In the order in which they are done. */
const Position = Type.Union([
  Type.Object({ step: Type.Literal("rows"), cursor: count }, closed),
  Type.Object({ step: Type.Literal("log"), cursor: Type.Object({ walk, agreed: count, differing: count }, closed) }, closed),
  Type.Object({ step: Type.Literal("witness"), cursor: Type.Object({ after: count, cosigned: Type.Record(Type.String({ maxLength: 300 }), count, { maxProperties: 100 }) }, closed) }, closed),
  Type.Object({ step: Type.Literal("recordings"), cursor: id }, closed),
  Type.Object({ step: Type.Literal("opened"), cursor: count }, closed),
  Type.Object({ step: Type.Literal("interactions"), cursor: id }, closed),
  Type.Object({ step: Type.Literal("store"), cursor: Type.String({ maxLength: 900, pattern: "^[^\\u0000]*$" }) }, closed),
  Type.Object({ step: Type.Literal("added"), cursor: count }, closed),
  Type.Object({ step: Type.Literal("settings"), cursor: Type.Object({ item: Type.Enum([...settingItems]), after: Type.Union([uuid, Type.Literal("")]) }, closed) }, closed),
]);
export type Position = Static<typeof Position>;
export type Step = Position["step"];

const Counted = Type.Object({ rows: count, recordings: count, bytes: count, settings: count }, closed);
const Tally = Type.Record(Type.String({ pattern: `^(${Object.keys(meanings).join("|")})$` }), count, closed);

const OfTenant = Type.Object(
  {
    tenantId: uuid,
    slug: Type.String({ maxLength: 100 }),
    /** Of the log when its check began; everything is held against this one. */
    size: count,
    root: Type.String({ pattern: "^[0-9a-f]{64}$" }),
    startedAt: moment,
    counted: Counted,
    tally: Tally,
  },
  closed,
);
export type TenantProgress = Static<typeof OfTenant>;

export const format = "earwitness/fsck-progress/1";

const CheckProgress = Type.Object(
  {
    format: Type.Literal(format),
    startedAt: moment,
    parts: Type.Array(part, { minItems: 1, maxItems: parts.length, uniqueItems: true }),
    done: Type.Array(OfTenant, { maxItems: 1_000_000 }),
    current: Type.Union([Type.Object({ tenant: OfTenant, position: Position }, closed), Type.Null()]),
    left: Type.Array(uuid, { maxItems: 1_000_000 }),
    findings: Type.Array(Type.Object({ code, part, tenant: Type.String({ maxLength: 100 }), where: Type.String({ maxLength: 2_000 }), says: Type.String({ maxLength: 20_000 }) }, closed), { maxItems: 10_000 }),
  },
  closed,
);
export type CheckProgress = Static<typeof CheckProgress>;

/** Throws, saying what to do, for anything but what a check wrote. */
export function parseProgress(text: string): CheckProgress {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error("the file of what was checked so far is damaged; check from the beginning (without --continue)");
  }
  if (!Value.Check(CheckProgress, value)) throw new Error("the file of what was checked so far is not one of this version; check from the beginning (without --continue)");
  const { current } = value;
  if (current?.position.step === "log") readWalk(current.position.cursor.walk, current.tenant.size);
  if ((current?.position.step === "rows" || current?.position.step === "opened" || current?.position.step === "added") && current.position.cursor > current.tenant.size) throw new Error("the file of what was checked so far says more than there was to check; check from the beginning (without --continue)");
  return value;
}

export const writeWalk = ({ size, levels }: { readonly size: number; readonly levels: readonly Uint8Array[] }): Static<typeof walk> => ({ size, levels: levels.map((hashes) => Buffer.from(hashes).toString("base64")) });

/** The levels hold what a tree of this size has behind its last full tiles, and nothing else. */
export function readWalk({ size, levels }: Static<typeof walk>, most: number): { size: number; levels: Uint8Array[] } {
  const read = levels.map((text) => Buffer.from(text, "base64"));
  const fits = size <= most && read.every((hashes, level) => hashes.length === (Math.floor(size / tileWidth ** level) % tileWidth) * hashBytes) && Math.floor(size / tileWidth ** read.length) === 0;
  if (!fits) throw new Error("the file of what was checked so far holds no tree of its size; check from the beginning (without --continue)");
  return { size, levels: read };
}
