/**
 * What an ingest adapter (SIPREC, Teams, …) tells the recorder, and what it gets back. No wire format passes this door:
 * adapters turn theirs into these few facts.
 */

import type { UnknownParty } from "@earwitness/contract";
import type { SrtpKeys } from "@earwitness/media";

/** One m-line of the offer, as the adapter understood it. */
export interface StreamOffer {
  /** Ties the stream to `CallParty.sends`; the SDP label, else `m<index>`. Unique inside the call. */
  readonly label: string;
  /** Payload types that may come, first preferred. Only codecs that can be played back. */
  readonly payloads: readonly PayloadType[];
  /** Where the sender said it sends from; null where the offer names none. Pins the source until the first packet latches it. */
  readonly remote: MediaAddress | null;
  /** False while the sender has the stream on hold (`inactive`, port kept). */
  readonly sending: boolean;
  /** Payload types of key presses (RFC 4733), with their RTP clock. */
  readonly keyPresses?: readonly { readonly number: number; readonly clockRateHz: number }[];
  /** Payload types of comfort noise (RFC 3389). */
  readonly comfortNoise?: readonly number[];
  /** RTCP comes on the RTP port (RFC 5761); `LocalPorts.rtcpPort` then equals `rtpPort`. */
  readonly rtcpMux?: boolean;
  /** Absent: RTP in the clear. */
  readonly srtp?: SrtpKeys;
}

export type CodecName = "PCMU" | "PCMA" | "G722" | "OPUS";

export interface PayloadType {
  readonly number: number;
  readonly codec: CodecName;
  /** As SDP says; 8000 for G.722, which samples at 16000 (RFC 3551 §4.5.2). */
  readonly clockRateHz: number;
}

export interface MediaAddress {
  readonly address: string;
  readonly rtpPort: number;
  readonly rtcpPort: number;
}

/** The whole of what is known of a call now; each update replaces the one before. Parties and conversations never vanish from it: they get an end. */
export interface CallFacts {
  readonly conversations: readonly Conversation[];
}

/** One communication session between people; a transfer by REFER starts another with the same `chainId`. */
export interface Conversation {
  readonly id: string;
  readonly chainId: string | null;
  /** Call id of the conversation itself (RFC 7989 session id, vendor's global call id), the same at both ends. */
  readonly originalCallId: string | null;
  /** SIP Call-ID of the recorded call where the metadata names it. */
  readonly sipCallId: string | null;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
  readonly parties: readonly CallParty[];
  /** Id of the party who called, where the client says so. Absent: taken to be the first. */
  readonly callingPartyId?: string;
}

export interface CallParty {
  readonly id: string;
  readonly name: string | null;
  /** Normalized: `sip:user@host` lower case without parameters, or `+` and digits for a telephone number. */
  readonly address: string;
  /** As the sender wrote it, for rules of the trunk that see more in it than everybody would; absent: as `address`. */
  readonly writtenAddress?: string;
  readonly joinedAt: Date | null;
  readonly leftAt: Date | null;
  /** Labels of the streams that carry this party's voice. A label that several parties have at once is a stream mixed by the client. */
  readonly sends: readonly string[];
  /** True while the party neither sends nor is heard (RFC 8068 hold). */
  readonly onHold: boolean;
}

export interface CallOffer {
  readonly tenantId: string;
  readonly trunkId: string;
  readonly trunkName: string;
  /** Call-ID of the recording session. */
  readonly sipCallId: string;
  readonly remoteAddress: string;
  readonly receivedAt: Date;
  readonly streams: readonly StreamOffer[];
  readonly facts: CallFacts;
  /** As received, kept with the recording: SDP and metadata, each with its content type. */
  readonly raw: readonly RawBody[];
  /** The recorder gave the call up by itself (disk, worker, quota): the sender must not go on believing that it is recorded. */
  readonly onEnded?: (reason: string) => void;
}

export interface RawBody {
  readonly receivedAt: Date;
  readonly contentType: string;
  readonly body: Uint8Array;
  /** Ours, as we sent it. Absent: the sender's. */
  readonly origin?: "recorder";
}

export interface LocalPorts {
  readonly rtpPort: number;
  readonly rtcpPort: number;
}

export type OpenResult =
  | { readonly kind: "recording"; readonly call: RecordedCall; readonly ports: ReadonlyMap<string, LocalPorts> }
  /** Policy says that nothing of this call may be recorded. */
  | { readonly kind: "ignored"; readonly reasons: readonly string[]; readonly unknownParties: readonly UnknownParty[] }
  /** Cannot record now: the adapter answers so that the sender moves on (SIP: 503 with Retry-After). */
  | { readonly kind: "unavailable"; readonly reason: string; readonly retryAfterSeconds: number };

export type EndCause = "released" | "cancelled" | "timeout" | "no_media" | "shutdown" | "fault" | "quota";

/** A call that is being recorded. Methods may be called in any order and more than once; after `end` they do nothing. */
export interface RecordedCall {
  readonly recordingId: string;
  /** Adds a stream that a later offer brought; answers the port to send to. */
  addStream(stream: StreamOffer, at: Date): Promise<LocalPorts>;
  /** New address, payload types or hold state of a known stream. */
  changeStream(stream: StreamOffer, at: Date): Promise<LocalPorts>;
  /** The sender took the stream away (port 0). */
  removeStream(label: string, at: Date): Promise<void>;
  /** New facts, complete. */
  update(facts: CallFacts, at: Date, raw: readonly RawBody[]): Promise<void>;
  /** Bodies that change nothing of what is known: our answers, and what was refused. */
  keep(raw: readonly RawBody[], at: Date): Promise<void>;
  end(cause: EndCause, at: Date): Promise<void>;
}

export interface Recorder {
  open(offer: CallOffer): Promise<OpenResult>;
  /** Running calls of this node. */
  count(): number;
  /** True when a call could be recorded now: spool writable, workers alive, snapshot loaded. */
  ready(): { ready: boolean; reasons: string[] };
  /** Refuses new calls from now on. */
  drain(): void;
  close(): Promise<void>;
}
