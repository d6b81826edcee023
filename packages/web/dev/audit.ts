/** An invented audit trail, to which every few seconds something is added. */
import type { AuditEntry, AuditPage } from "@earwitness/contract";
import { createRandom } from "./calls.ts";
import { people } from "./directory.ts";

const random = createRandom(21);
const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
const everybody = [...people].slice(0, 30);
let lastMs = Date.now();

type Invented = Pick<AuditEntry, "action" | "item" | "description"> & Partial<AuditEntry>;

function invent(at: Date): AuditEntry {
  const [id, who] = pick(everybody);
  const [otherId, other] = pick(everybody);
  const actor = { kind: "person", id, name: who.displayName, upn: who.upn, provider: false } as const;
  const by = who.displayName;
  const call = `Call of ${other.displayName} at ${at.toISOString().slice(0, 10)} 09:12:44 UTC`;
  const one = pick<Invented>([
    { action: "Login", item: "Session", description: `${by} logged into the system` },
    { action: "Access", item: "Interactions", description: `${by} accessed Interactions` },
    { action: "Search", item: "Interactions", description: `${by} searched interactions for “${other.displayName}”, status Available`, detail: { filter: { q: other.displayName, status: ["Available"] } } },
    { action: "View", item: "Call", description: `${call} was viewed by ${by}`, subject: "64b0c1d2a1b2c3d4e5f60718", detail: { name: other.displayName, startedAt: at.toISOString() } },
    { action: "Play", item: "Call", description: `${call} was played by ${by}`, subject: "64b0c1d2a1b2c3d4e5f60718", detail: { name: other.displayName, track: "mixed", implicit: false } },
    { action: "View", item: "User", description: `User ${other.displayName} was viewed by ${by}`, subject: otherId, thing: { kind: "person", id: otherId } },
    { action: "Modify", item: "User", description: `User ${other.displayName} was modified by ${by}: recorded, extensions`, subject: otherId, thing: { kind: "person", id: otherId }, change: [{ field: "recorded", from: true, to: false }, { field: "extensions", from: ["123", "4711"], to: ["999"] }], detail: { name: other.displayName } },
    { action: "Modify", item: "Trunk", description: `Trunk SBC Frankfurt was modified by ${by}: source networks`, change: [{ field: "source_networks", from: ["192.0.2.0/29"], to: ["192.0.2.0/29", "2001:db8::/64"] }], detail: { name: "SBC Frankfurt" } },
    { action: "Export", item: "User", description: `${by} exported users (208) to file`, reason: "Yearly review of who is recorded" },
    { action: "View", item: "Tenant", description: "Tenant Contoso was viewed by Command line of this machine", actor: { kind: "machine", id: "control-socket", name: "Command line of this machine", upn: null, provider: true }, remoteAddress: null },
    { action: "View", item: "Call", description: `${call} was viewed by Quality reports`, actor: { kind: "api_key", id: "9d0a", name: "Quality reports", upn: null, provider: false } },
    { action: "Login Failed", item: "API Key", description: "API Key Nightly import was refused: revoked", actor: { kind: "api_key", id: "77aa", name: "Nightly import", upn: null, provider: false } },
    { action: "Piece Stored", item: "Call", description: "A piece of recording 64b0c1d2a1b2c3d4e5f60718 was stored by Recorder", actor: { kind: "machine", id: "node-1", name: "Recorder", upn: null, provider: false }, remoteAddress: null },
  ]);
  const iso = at.toISOString();
  return {
    id: `${at.getTime().toString(36)}-${crypto.randomUUID()}`,
    at: iso,
    happenedAt: iso,
    actor,
    subject: null,
    thing: null,
    remoteAddress: `192.0.2.${Math.floor(random() * 250)}`,
    reason: null,
    node: "node-1",
    change: [],
    detail: {},
    place: Math.floor(at.getTime() / 9_000) % 100_000,
    erased: false,
    ...one,
  };
}

const entries: AuditEntry[] = [];
for (let n = 0, at = lastMs; n < 700; n++, at -= Math.floor(random() * 240_000)) entries.push(invent(new Date(at)));
setInterval(() => {
  lastMs = Date.now();
  entries.unshift(invent(new Date(lastMs)));
}, 3_000).unref();

export function listAudit(query: URLSearchParams): AuditPage {
  const [name, description, subject, after] = ["name", "description", "subject", "after"].map((key) => query.get(key)?.toLowerCase() ?? "");
  const of = (key: string, value: string): boolean => !query.has(key) || query.getAll(key).includes(value);
  const all = entries.filter(
    (one) =>
      of("action", one.action) && of("item", one.item) && of("actor", one.actor.kind) && (query.get("provider") !== "true" || one.actor.provider) &&
      one.actor.name.toLowerCase().includes(name!) && one.description.toLowerCase().includes(description!) && (!subject || one.subject === subject) &&
      (!query.has("from") || one.at >= query.get("from")!) && (!query.has("to") || one.at <= query.get("to")!),
  );
  const from = after ? all.findIndex(({ id }) => id === after) + 1 : 0;
  const limit = Number(query.get("limit") ?? 50);
  const items = all.slice(from, from + limit);
  return { items, next: from + limit < all.length ? items.at(-1)!.id : null, searchedTo: null, ...(from === 0 && !description ? { total: { count: all.length, exact: true } } : {}) };
}

export const findAudit = (id: string): AuditEntry | undefined => entries.find((one) => one.id === id);
