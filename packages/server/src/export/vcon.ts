/** A vCon of an interaction (draft-ietf-vcon-vcon-core), for programs that read those. A copy: what is proved lies beside it. */
import { createHash } from "node:crypto";
import type { InteractionDetail, Party } from "@earwitness/contract";

export interface VconAudio {
  /** As seen from the vCon. */
  readonly path: string;
  readonly mediatype: string;
  readonly sha512: Uint8Array;
  readonly fromMs: number;
  readonly toMs: number;
}

export function vconOf(interaction: InteractionDetail, bundleId: string, exportedAt: Date, audio: VconAudio | null): string {
  const parties = interaction.participants.map(partyOf);
  const startMs = interaction.recording === null ? Date.parse(interaction.startedAt) : Date.parse(interaction.recording.startedAt) + (audio?.fromMs ?? 0);
  const dialog =
    audio === null
      ? { type: "incomplete", start: interaction.startedAt, parties: parties.map((_party, at) => at), disposition: interaction.answeredAt === null ? "no-answer" : "failed" }
      : {
          type: "recording",
          start: new Date(startMs).toISOString(),
          duration: (audio.toMs - audio.fromMs) / 1000,
          parties: parties.map((_party, at) => at),
          mediatype: audio.mediatype,
          filename: audio.path,
          url: audio.path,
          content_hash: `sha512-${Buffer.from(audio.sha512).toString("base64url")}`,
        };
  const value = {
    vcon: "0.3.0",
    uuid: uuidOf(`${bundleId}/${interaction.id}`),
    created_at: exportedAt.toISOString(),
    subject: `${interaction.direction === "None" ? "Conference" : `${interaction.direction} call`} of ${interaction.user.name ?? interaction.user.address}`,
    parties,
    dialog: [dialog],
    attachments: [],
    analysis: [],
  };
  return `${JSON.stringify(value, null, 1)}\n`;
}

function partyOf({ name, address, upn }: Party) {
  const reached = address.startsWith("+") ? { tel: `tel:${address}` } : address.startsWith("sip:") ? { sip: address } : {};
  return { ...reached, ...(upn === null ? {} : { mailto: upn }), ...(name === null ? {} : { name }) };
}

/** Of version 8 (RFC 9562): the same interaction in the same bundle has the same id. */
function uuidOf(text: string): string {
  const bytes = createHash("sha256").update(text).digest().subarray(0, 16);
  bytes[6] = 0x80 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
