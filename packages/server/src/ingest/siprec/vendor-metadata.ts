/** What vendors put into recording metadata beside RFC 7865: ids of the recorded call, and who called whom. Pure. */
import { normalizeAddress, parseNameAddr } from "@earwitness/media";
import type { MetadataExtension, MetadataSession, RecordingMetadata } from "@earwitness/media";
import { readOpaqueId, readSessionId, readUcid } from "./call-ids.ts";

export interface VendorFacts {
  /** The recorded call's id at both its ends. */
  readonly globalCallId: string | null;
  /** What the vendor ties calls by, where it is no group. */
  readonly chainId: string | null;
  /** SIP Call-ID of the recorded call. */
  readonly sipCallId: string | null;
  /** Answers whether a party is the one who called; null where nobody says. */
  calls(party: { readonly id: string; readonly address: string }, index: number): boolean | null;
}

/** Not a party of any call: what Avaya's controller names until it knows who is there. */
export const isPlaceholder = (aor: string): boolean => /^(sips?:)?asbce@/i.test(aor.trim());

/** Extensions by the last name of their path. */
type Said = ReadonlyMap<string, readonly MetadataExtension[]>;
type First = <T>(read: (text: string) => T | null, ...names: readonly string[]) => T | null;

/** Reads the document once; answers for each of its sessions. There may be thousands of them, and of extensions. */
export function readVendorFacts(metadata: RecordingMetadata): (session: MetadataSession) => VendorFacts {
  const said = new Map([...Map.groupBy(metadata.extensions, ({ owner }) => ownerKey(owner.kind, owner.id))].map(([key, extensions]): [string, Said] => [key, Map.groupBy(extensions, ({ path }) => lastOf(path))]));
  // What stands in the document itself is said of all.
  const general = [...said].flatMap(([key, extensions]) => (key.startsWith("recording ") ? [extensions] : []));
  const participants = Map.groupBy(metadata.participantSessionAssociations, ({ sessionId }) => sessionId);
  return (session) => {
    const owners = [ownerKey("session", session.id), ...(session.groupId === null ? [] : [ownerKey("group", session.groupId)])];
    const members = [...new Set((participants.get(session.id) ?? []).map(({ participantId }) => ownerKey("participant", participantId)))];
    const places = [...[...owners, ...members].flatMap((key) => said.get(key) ?? []), ...general];
    return readSession(session, places);
  };
}

const ownerKey = (kind: string, id: string): string => `${kind} ${id}`;

function readSession(session: MetadataSession, places: readonly Said[]): VendorFacts {
  const all = (name: string): MetadataExtension[] => places.flatMap((place) => place.get(name) ?? []);
  const first: First = (read, ...names) => {
    for (const name of names) {
      for (const { value } of all(name)) {
        const found = read(value);
        if (found !== null) return found;
      }
    }
    return null;
  };

  // Avaya's controller names its session by the UCID.
  const ucid = first(readUcid, "ucid", "avayaucid") ?? (/^(00)?fa08[0-9a-f]{16}$/i.test(session.id) ? readUcid(session.id) : null);
  const vendorId = ucid ?? first(readOpaqueId, "genesysuuid", "gcid", "exttrackingid");
  const sessionId = session.sipSessionIds.map(readSessionId).find((id) => id !== null) ?? null;
  return {
    globalCallId: vendorId ?? sessionId,
    chainId: first(readOpaqueId, "xferredgroupid") ?? session.groupId ?? vendorId,
    sipCallId: all("callid").find(({ path }) => path.toLowerCase() === "calldata/callid")?.value || null,
    calls: readCaller(all, first),
  };
}

/** Oracle marks the participant or says whether the first one called; the others name the numbers. */
function readCaller(all: (name: string) => MetadataExtension[], first: First): VendorFacts["calls"] {
  const marked = all("callingparty").find(({ owner, value }) => owner.kind === "participant" && value.toLowerCase() === "true")?.owner.id;
  if (marked !== undefined) return ({ id }) => id === marked;
  const caller = first(readAddress, "callingpartynumber", "fromhdr");
  if (caller !== null) return ({ address }) => sameParty(caller, address);
  const called = first(readAddress, "calledpartynumber", "dialeddigits", "tohdr");
  if (called !== null) return ({ address }) => !sameParty(called, address);
  const firstCalled = first((text) => text.toLowerCase(), "callerorig");
  return firstCalled === "false" ? (_party, index) => index === 1 : () => null;
}

const lastOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1).toLowerCase();

function readAddress(text: string): string | null {
  const value = text.trim();
  if (value === "" || value.length > 2_048) return null;
  const address = parseNameAddr(value);
  return normalizeAddress(address.ok ? address.value.uri : value);
}

/** The same number is written with and without its country and its host; four digits are the shortest extension that is told apart. */
function sameParty(one: string, other: string): boolean {
  if (one === other) return true;
  const [a, b] = [digitsOf(one), digitsOf(other)];
  return a !== null && b !== null && Math.min(a.length, b.length) >= 4 && (a.endsWith(b) || b.endsWith(a));
}

function digitsOf(address: string): string | null {
  const user = address.replace(/^sip:/, "").replace(/@.*$/, "");
  return /^\+?[0-9]+$/.test(user) ? user.replace(/^\+0?/, "") : null;
}
