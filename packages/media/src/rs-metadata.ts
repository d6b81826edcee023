/**
 * Recording metadata (RFC 7865) and the snapshot request (RFC 7866 8.4). Read by local names in any order, because vendors
 * differ in namespace, order, attribute names and even in which elements they use; what they leave out is null or empty.
 * Every id and every text is the sender's word.
 */
import { parsed, refused } from "./parsed.ts";
import type { Parsed } from "./parsed.ts";
import { inferStreamAssociations } from "./rs-inference.ts";
import { parseXml } from "./xml.ts";
import type { XmlElement } from "./xml.ts";

export interface MetadataGroup {
  readonly id: string;
  readonly associatedAt: Date | null;
  readonly disassociatedAt: Date | null;
}

export interface MetadataSession {
  readonly id: string;
  readonly groupId: string | null;
  /** RFC 7989 values as written, with `;remote=`. */
  readonly sipSessionIds: readonly string[];
  readonly reasons: readonly { readonly cause: string; readonly protocol: string; readonly text: string }[];
  readonly startedAt: Date | null;
  readonly stoppedAt: Date | null;
}

export interface MetadataName {
  /** As written; `normalizeAddress` makes it comparable. */
  readonly aor: string;
  readonly name: string | null;
}

export interface MetadataParticipant {
  readonly id: string;
  readonly names: readonly MetadataName[];
}

export interface MetadataStream {
  readonly id: string;
  readonly sessionId: string | null;
  /** The SDP label. */
  readonly label: string | null;
  /** `mixed` or `separate`, where a vendor says so. */
  readonly mode: string | null;
}

export interface SessionRecordingAssociation {
  readonly sessionId: string;
  readonly associatedAt: Date | null;
  readonly disassociatedAt: Date | null;
}

export interface ParticipantSessionAssociation {
  readonly participantId: string;
  readonly sessionId: string;
  readonly associatedAt: Date | null;
  readonly disassociatedAt: Date | null;
  /** Media feature tags. */
  readonly params: readonly { readonly name: string; readonly value: string }[];
}

export interface ParticipantStreamAssociation {
  readonly participantId: string;
  /** Ids of the streams that carry the participant's voice. */
  readonly sends: readonly string[];
  readonly receives: readonly string[];
  readonly associatedAt: Date | null;
  readonly disassociatedAt: Date | null;
  /** True when no document said so and the order of participants and labels was taken for it. */
  readonly inferred: boolean;
}

/** An element that RFC 7865 does not know: vendors put their call ids and numbers there. Those with text or attributes, in document order. */
export interface MetadataExtension {
  readonly owner: { readonly kind: "recording" | "group" | "session" | "participant" | "stream"; readonly id: string };
  /** Local names from the owner down: `extensiondata/ucid`. */
  readonly path: string;
  readonly value: string;
  readonly attributes: ReadonlyMap<string, string>;
}

export interface RecordingMetadata {
  readonly kind: "metadata";
  readonly mode: "complete" | "partial";
  readonly groups: readonly MetadataGroup[];
  readonly sessions: readonly MetadataSession[];
  readonly participants: readonly MetadataParticipant[];
  readonly streams: readonly MetadataStream[];
  readonly sessionRecordingAssociations: readonly SessionRecordingAssociation[];
  readonly participantSessionAssociations: readonly ParticipantSessionAssociation[];
  readonly participantStreamAssociations: readonly ParticipantStreamAssociation[];
  readonly extensions: readonly MetadataExtension[];
  /** What was wrong with the document and was read all the same: worth an alarm, never worth losing the recording. */
  readonly problems: readonly string[];
}

export interface SnapshotRequest {
  readonly kind: "snapshot-request";
  readonly reason: string | null;
}

/** Ids are 24 characters by the RFC and some 60 in the field; they become keys, so a long one must not be multiplied. */
const MAX_ID = 200;
const MAX_EXTENSIONS = 1000;
const MAX_PROBLEMS = 50;

const ROOTS: ReadonlySet<string> = new Set(["recording", "recordingmetadata"]);

export function parseRecordingMetadata(bytes: Uint8Array): Parsed<RecordingMetadata | SnapshotRequest> {
  const document = parseXml(bytes);
  if (!document.ok) return document;
  const { root, problems } = document.value;
  const name = plain(root.name);
  if (name === "requestsnapshot") return parsed({ kind: "snapshot-request", reason: childText(root, "requestreason") });
  if (!ROOTS.has(name)) return refused("root element is not recording");
  return parsed(createReader(problems).read(root));
}

interface Owner {
  kind: MetadataExtension["owner"]["kind"];
  id: string;
  /** The session around this element, for the bodies that nest instead of referring. */
  sessionId: string | null;
}

function createReader(xmlProblems: readonly string[]): { read(root: XmlElement): RecordingMetadata } {
  let mode: "complete" | "partial" = "complete";
  const problems = [...xmlProblems];
  const groups: MetadataGroup[] = [];
  const sessions: MetadataSession[] = [];
  const participants: MetadataParticipant[] = [];
  const streams: MetadataStream[] = [];
  const sessionRecordingAssociations: SessionRecordingAssociation[] = [];
  const participantSessionAssociations: ParticipantSessionAssociation[] = [];
  const participantStreamAssociations: ParticipantStreamAssociation[] = [];
  const extensions: MetadataExtension[] = [];
  const kindOfId = new Map<string, string>();
  const foreign: { readonly element: XmlElement; readonly around: Owner }[] = [];

  function complain(problem: string): void {
    if (problems.length < MAX_PROBLEMS) problems.push(problem);
  }

  /** Answers false for an element that names nothing and so says nothing. */
  function claim(kind: string, id: string): boolean {
    if (id === "" || id.length > MAX_ID) {
      complain(`${kind} without a usable id`);
      return false;
    }
    const before = kindOfId.get(id) ?? kind;
    if (before !== kind) complain(`one id for a ${before} and a ${kind}`);
    kindOfId.set(id, kind);
    return true;
  }

  function readGroup(element: XmlElement): Owner | null {
    const id = attribute(element, "groupid", "id");
    if (!claim("group", id)) return null;
    groups.push({ id, ...association(element) });
    return { kind: "group", id, sessionId: null };
  }

  function readSession(element: XmlElement): Owner | null {
    const id = attribute(element, "sessionid", "id");
    if (!claim("session", id)) return null;
    sessions.push({
      id,
      groupId: childText(element, "groupref") ?? (attribute(element, "groupid", "group") || null),
      sipSessionIds: texts(element, "sipsessionid"),
      reasons: children(element, "reason").map((reason) => ({
        cause: attribute(reason, "cause"),
        protocol: attribute(reason, "protocol") || "SIP",
        text: reason.text,
      })),
      startedAt: parseTime(childText(element, "starttime")),
      stoppedAt: parseTime(childText(element, "stoptime")),
    });
    return { kind: "session", id, sessionId: id };
  }

  function readParticipant(element: XmlElement, around: Owner): Owner | null {
    const id = attribute(element, "participantid", "id");
    if (!claim("participant", id)) return null;
    participants.push({ id, names: readNames(element) });

    // Older bodies have no association elements: the participant itself says which session it is in and what it sends.
    const sessionId = attribute(element, "session", "sessionid") || around.sessionId;
    if (sessionId !== null) {
      participantSessionAssociations.push({ participantId: id, sessionId, ...association(element), params: [] });
    }
    const sends = references(element, "send");
    const receives = references(element, "recv");
    if (sends.length + receives.length > 0) {
      participantStreamAssociations.push({ participantId: id, sends, receives, ...association(element), inferred: false });
    }
    return { kind: "participant", id, sessionId };
  }

  function readStream(element: XmlElement, around: Owner): Owner | null {
    const label = childText(element, "label") ?? (attribute(element, "label") || null);
    // One vendor's first document leaves the id empty and only later gives it; the label is what ties it to the SDP.
    const id = attribute(element, "streamid", "id") || (label === null ? "" : `label:${label}`);
    if (!claim("stream", id)) return null;
    const sessionId = attribute(element, "sessionid", "session") || around.sessionId;
    streams.push({ id, sessionId, label, mode: childText(element, "mode")?.toLowerCase() ?? null });
    return { kind: "stream", id, sessionId };
  }

  function readSessionRecordingAssociation(element: XmlElement): void {
    const sessionId = attribute(element, "sessionid", "session");
    if (sessionId !== "") sessionRecordingAssociations.push({ sessionId, ...association(element) });
  }

  function readParticipantSessionAssociation(element: XmlElement, around: Owner): void {
    const participantId = attribute(element, "participantid", "participant") || (around.kind === "participant" ? around.id : "");
    const sessionId = attribute(element, "sessionid", "session") || around.sessionId;
    if (participantId === "" || sessionId === null) return;
    const params = children(element, "param").map((param) => ({ name: attribute(param, "pname"), value: attribute(param, "pval") }));
    participantSessionAssociations.push({ participantId, sessionId, ...association(element), params });
  }

  function readParticipantStreamAssociation(element: XmlElement, around: Owner): void {
    const participantId = attribute(element, "participantid", "participant") || (around.kind === "participant" ? around.id : "");
    if (participantId === "") return;
    const sends = references(element, "send");
    const receives = references(element, "recv");
    participantStreamAssociations.push({ participantId, sends, receives, ...association(element), inferred: false });
  }

  function readExtension(element: XmlElement, owner: Owner, path: string): void {
    if (extensions.length === MAX_EXTENSIONS) return;
    if (element.text !== "" || element.attributes.size > 0) {
      extensions.push({ owner: { kind: owner.kind, id: owner.id }, path, value: element.text, attributes: element.attributes });
    }
    for (const child of element.children) readExtension(child, owner, `${path}/${child.name}`);
  }

  /** One vendor lets extensions stand at the end and says by an attribute what they belong to. */
  function ownerOf(element: XmlElement, around: Owner): Owner {
    const id = attribute(element, "parent");
    const kind = id === "" ? undefined : kindOfId.get(id);
    return kind === "group" || kind === "session" || kind === "participant" || kind === "stream" ? { kind, id, sessionId: null } : around;
  }

  function walk(container: XmlElement, owner: Owner): void {
    for (const element of container.children) {
      const name = plain(element.name);
      switch (name) {
        case "recording":
          walk(element, owner);
          break;
        case "datamode":
          if (element.text.toLowerCase() === "partial") mode = "partial";
          break;
        case "group":
          walk(element, readGroup(element) ?? owner);
          break;
        case "session":
          walk(element, readSession(element) ?? owner);
          break;
        case "participant":
          walk(element, readParticipant(element, owner) ?? owner);
          break;
        case "stream":
          walk(element, readStream(element, owner) ?? owner);
          break;
        case "sessionrecordingassoc":
          readSessionRecordingAssociation(element);
          break;
        case "participantsessionassoc":
          readParticipantSessionAssociation(element, owner);
          break;
        case "participantstreamassoc":
          readParticipantStreamAssociation(element, owner);
          break;
        default:
          if (!KNOWN_CHILDREN.has(name)) foreign.push({ element, around: owner });
      }
    }
  }

  return {
    read(root) {
      walk(root, { kind: "recording", id: attribute(root, "id", "recordingid").slice(0, MAX_ID), sessionId: null });
      for (const { element, around } of foreign) readExtension(element, ownerOf(element, around), element.name);
      const metadata: RecordingMetadata = {
        kind: "metadata",
        mode,
        groups,
        sessions,
        participants,
        streams,
        sessionRecordingAssociations,
        participantSessionAssociations,
        participantStreamAssociations,
        extensions,
        problems,
      };
      return mode === "complete" ? inferStreamAssociations(metadata) : metadata;
    },
  };
}

/** Read by the element they stand in, never extensions. */
const KNOWN_CHILDREN: ReadonlySet<string> = new Set([
  "associatetime",
  "disassociatetime",
  "sipsessionid",
  "reason",
  "groupref",
  "starttime",
  "stoptime",
  "nameid",
  "aor",
  "name",
  "label",
  "mode",
  "send",
  "recv",
  "requestreason",
]);

/** `nameID@aor`, `nameID/aor` or `aor` beside it; the name inside or beside. */
function readNames(participant: XmlElement): MetadataName[] {
  // Looked for once, not for each holder: a participant may have thousands.
  const [aorBeside, nameBeside] = [childText(participant, "aor"), childText(participant, "name")];
  const holders = children(participant, "nameid");
  const names = (holders.length > 0 ? holders : [participant]).map((holder) => ({
    aor: attribute(holder, "aor") || childText(holder, "aor") || aorBeside || "",
    name: cleanName(childText(holder, "name") ?? nameBeside),
  }));
  return names.filter(({ aor, name }) => aor !== "" || name !== null);
}

/** One stack writes its internal parameters after the name: `jo;lang=en-US;id=22`. */
function cleanName(name: string | null): string | null {
  const clean = name?.split(";lang=", 1)[0]?.trim();
  return clean ? clean : null;
}

/** Stream ids: the element's text, or `<id>` inside it. */
function references(element: XmlElement, name: string): string[] {
  const ids = children(element, name).flatMap((one) => (one.text === "" ? texts(one, "id") : [one.text]));
  return [...new Set(ids)];
}

function association(element: XmlElement): { associatedAt: Date | null; disassociatedAt: Date | null } {
  return {
    associatedAt: parseTime(childText(element, "associatetime")),
    disassociatedAt: parseTime(childText(element, "disassociatetime")),
  };
}

/** `group_id`, `groupId`, `group-id` are one name. */
function plain(name: string): string {
  return name.replaceAll(/[-_]/g, "").toLowerCase();
}

/** Whether this is how `name` reads in plain, without making a string of it: names are compared far more often than they fit. */
function isNamed(name: string, wanted: string): boolean {
  let matched = 0;
  for (let at = 0; at < name.length; at += 1) {
    const code = name.charCodeAt(at);
    if (code === HYPHEN || code === UNDERSCORE) continue;
    const lower = code >= UPPER_A && code <= UPPER_Z ? code + 32 : code;
    if (lower !== wanted.charCodeAt(matched)) return false;
    matched += 1;
  }
  return matched === wanted.length;
}

const [HYPHEN, UNDERSCORE, UPPER_A, UPPER_Z] = [45, 95, 65, 90];

function children(element: XmlElement, name: string): XmlElement[] {
  return element.children.filter((child) => isNamed(child.name, name));
}

function texts(element: XmlElement, name: string): string[] {
  return children(element, name)
    .map((child) => child.text)
    .filter((text) => text !== "");
}

/** The first that is not empty. */
function childText(element: XmlElement, name: string): string | null {
  return element.children.find((child) => child.text !== "" && isNamed(child.name, name))?.text ?? null;
}

/** The first of these attributes that is there and not empty. */
function attribute(element: XmlElement, ...names: readonly string[]): string {
  for (const wanted of names) {
    for (const [name, value] of element.attributes) if (value !== "" && isNamed(name, wanted)) return value;
  }
  return "";
}

const EARLIEST_MS = Date.UTC(2000, 0);
const LATEST_MS = Date.UTC(2100, 0);

/** RFC 3339, a missing zone taken for UTC; null where it is none or cannot be true (clocks that start in 1970). */
export function parseTime(text: string | null): Date | null {
  const match = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))? ?(?:[Zz]|([+-])(\d\d):?(\d\d))?$/.exec(text ?? "");
  if (match === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  const fractionMs = Math.floor(Number(`0.${match[7] ?? "0"}`) * 1000);
  const zoneMinutes = (match[8] === "-" ? -1 : 1) * (Number(match[9] ?? 0) * 60 + Number(match[10] ?? 0));
  const midnight = new Date(Date.UTC(year, month - 1, day));
  // Date.UTC rolls a 31st of February over into March; a leap second may roll.
  if (midnight.getUTCMonth() !== month - 1 || midnight.getUTCDate() !== day || hour > 24 || minute > 59 || second > 60) return null;
  const timeMs = Date.UTC(year, month - 1, day, hour, minute, second, fractionMs) - zoneMinutes * 60_000;
  return timeMs >= EARLIEST_MS && timeMs < LATEST_MS ? new Date(timeMs) : null;
}

/** The body that asks a recording client for a complete document. */
export function snapshotRequestXml(reason: string): string {
  const escaped = reason.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\r\n' +
    `<requestsnapshot xmlns="urn:ietf:params:xml:ns:recording:1"><requestreason xml:lang="en">${escaped}</requestreason></requestsnapshot>\r\n`
  );
}
