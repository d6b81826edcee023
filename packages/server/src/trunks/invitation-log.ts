/** What became of every INVITE that asked for a recording, and the messages that were exchanged: for the trunk's page. */
import type { InvitationReason } from "@earwitness/contract";

export interface TraceEntry {
  readonly at: Date;
  readonly direction: "in" | "out";
  readonly transport: "udp" | "tcp" | "tls";
  /** `address:port` of the other side. */
  readonly remote: string;
  /** The SIP message as it was on the wire, with keys and credentials masked. */
  readonly text: string;
}

export interface AnsweredInvitation {
  readonly at: Date;
  /** Null: nobody's (the address belongs to no trunk, and no trunk's recording address was called). */
  readonly tenantId: string | null;
  readonly trunkId: string | null;
  readonly remote: string;
  readonly transport: "udp" | "tcp" | "tls";
  readonly sipCallId: string;
  /** User-Agent. */
  readonly client: string | null;
  readonly status: number;
  readonly outcome: "recorded" | "ignored" | "refused";
  readonly reason: InvitationReason;
  readonly explanation: string;
  readonly recordingId: string | null;
  /** What was exchanged so far. */
  readonly trace: readonly TraceEntry[];
}

/** Neither method waits for anything or throws: a page never costs a call. */
export interface InvitationLog {
  /** `continue` it with the later messages of the dialog. */
  answered(invitation: AnsweredInvitation): { continue(entry: TraceEntry): void };
}
