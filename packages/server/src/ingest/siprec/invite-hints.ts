/** What the INVITE of a recording session says about the recorded call outside its metadata. All of it is the client's word. */
import { normalizeAddress, parseNameAddr, parseSipUri } from "@earwitness/media";
import type { NameAddr, SipHeaders } from "@earwitness/media";
import { readCiscoGuid, readGtdGuid, readOpaqueId, readUcid } from "./call-ids.ts";

export interface InviteHints {
  /** The recorded call's id at both its ends. */
  readonly globalCallId: string | null;
  /** Ties the recording sessions of one call where no metadata does. */
  readonly chainId: string | null;
  /**
   * Recording sessions with the same key are one call: a phone that forks its two directions sends each in a dialog of its own (Cisco's
   * built-in bridge).
   */
  readonly joinKey: string | null;
  /** The parties of a plain INVITE, where headers name them better than From and To. */
  readonly parties: readonly HintedParty[];
  /** Who the client vouches for (RFC 3325). */
  readonly asserted: { readonly name: string | null; readonly address: string; readonly writtenAddress: string } | null;
}

export interface HintedParty {
  readonly id: string;
  readonly name: string | null;
  readonly writtenAddress: string;
  /** Places of the lines that carry this party's voice. */
  readonly lines: readonly number[];
}

export const noHints: InviteHints = { globalCallId: null, chainId: null, joinKey: null, parties: [], asserted: null };

const maxParties = 20;
/** Longer than any that names somebody. */
const maxIdentity = 500;

export function readHints(headers: SipHeaders, from: NameAddr, parts: readonly { readonly contentType: string; readonly body: Uint8Array }[]): InviteHints {
  const gtd = parts.find(({ contentType }) => contentType.toLowerCase().startsWith("application/gtd"));
  const ucid = first(headers.all("User-to-User"), readUcid);
  const guid = (gtd === undefined ? null : readGtdGuid(new TextDecoder().decode(gtd.body))) ?? first(headers.all("Cisco-Guid"), readCiscoGuid);
  const broadWorks = first(headers.all("X-BroadWorks-Correlation-Info"), readOpaqueId);
  const forked = readFork(from);
  return {
    globalCallId: ucid ?? guid ?? broadWorks,
    chainId: ucid ?? guid ?? broadWorks ?? forked?.chainId ?? null,
    joinKey: forked?.chainId ?? null,
    parties: forked?.parties ?? readParticipants(headers),
    asserted: first(headers.list("P-Asserted-Identity"), readAsserted),
  };
}

function first<T>(values: readonly string[], read: (text: string) => T | null): T | null {
  for (const value of values) {
    const found = read(value);
    if (found !== null) return found;
  }
  return null;
}

function readAsserted(text: string): InviteHints["asserted"] {
  const identity = text.length > maxIdentity ? parseNameAddr("") : parseNameAddr(text);
  return identity.ok ? { name: identity.value.displayName || null, address: normalizeAddress(identity.value.uri), writtenAddress: identity.value.uri } : null;
}

/** CUBE's network recording: one header for each party, whose media-index is the place of its line. */
function readParticipants(headers: SipHeaders): HintedParty[] {
  return headers.list("X-Cisco-Recording-Participant").slice(0, maxParties).flatMap((value, index) => {
    const participant = parseNameAddr(value);
    if (!participant.ok) return [];
    const { uri, displayName, params } = participant.value;
    const own = parseSipUri(uri);
    const place = params.get("media-index") ?? (own.ok ? own.value.params.get("media-index") : undefined) ?? String(index);
    const lines = place.split(",").map((one) => one.trim()).filter((one) => /^[0-9]{1,3}$/.test(one)).map(Number);
    return [{ id: `participant-${index}`, name: displayName || null, writtenAddress: uri, lines }];
  });
}

/**
 * A phone of CUCM that forks its media says in From whose side this dialog carries (`x-nearend`, `x-farend`), who the two are, and by
 * `x-refci`, the near end's call leg, which two dialogs belong together. One without a side carries both, the near end first.
 */
function readFork(from: NameAddr): { readonly chainId: string; readonly parties: readonly HintedParty[] } | null {
  const uri = parseSipUri(from.uri);
  if (!uri.ok) return null;
  const param = (name: string): string | undefined => uri.value.params.get(name) ?? uri.value.userParams.get(name) ?? from.params.get(name);
  const { host } = uri.value;
  const nearCallId = param("x-refci");
  const near = param("x-nearendaddr");
  if (nearCallId === undefined || nearCallId === "" || near === undefined) return null;
  const [onlyNear, onlyFar] = [param("x-nearend") !== undefined, param("x-farend") !== undefined];
  function party(id: string, number: string, device: string | undefined, lines: readonly number[]): HintedParty {
    const written = /[@:]/.test(number) || /^\+?[0-9().\-\s]+$/.test(number) ? number : `${number}@${host}`;
    return { id, name: from.displayName !== "" && id === "near" ? from.displayName : (device ?? null), writtenAddress: written, lines };
  }
  const parties = [party("near", near, param("x-nearenddevice"), onlyFar ? [] : [0])];
  const far = param("x-farendaddr");
  if (far !== undefined && far !== "") parties.push(party("far", far, param("x-farenddevice"), onlyFar ? [0] : onlyNear ? [] : [1]));
  return { chainId: `${nearCallId}@${param("x-nearendclusterid") ?? host}`.slice(0, 200), parties };
}
