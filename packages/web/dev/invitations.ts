/** Invented invitations and their message traces. */
import type { Invitation, InvitationReason } from "@earwitness/contract";

export interface Kind {
  readonly status: number;
  readonly outcome: Invitation["outcome"];
  readonly reason: InvitationReason;
  readonly explanation: (address: string) => string;
}

export const kinds = {
  recorded: { status: 200, outcome: "recorded", reason: "RECORDING", explanation: () => "Recording for Adele Vance and Alex Wilber." },
  ignored: { status: 403, outcome: "ignored", reason: "NOT_TO_BE_RECORDED", explanation: () => "Nobody in this call is to be recorded: +17325550143 and +442079460118 are nobody that the directory knows, and this trunk does not record strangers." },
  source: { status: 403, outcome: "refused", reason: "SOURCE_NOT_ALLOWED", explanation: (address) => `The call came from ${address}, which this trunk does not allow. Allow the address, or have the client send from one that is allowed.` },
  nobody: { status: 403, outcome: "refused", reason: "SOURCE_NOT_ALLOWED", explanation: (address) => `The call came from ${address}, which no trunk allows. Allow it on the trunk that it belongs to, or have the client call that trunk's recording address.` },
  off: { status: 403, outcome: "refused", reason: "TRUNK_OFF", explanation: () => "This trunk is off. Switch it on to take its calls." },
  tls: { status: 403, outcome: "refused", reason: "TLS_REQUIRED", explanation: () => "The call came over UDP, and this trunk takes TLS alone. Have the client use the sips: address." },
  password: { status: 403, outcome: "refused", reason: "CREDENTIALS_WRONG", explanation: () => "The password does not fit. Make a new one on this page and enter it in the client." },
  media: { status: 488, outcome: "refused", reason: "NO_USABLE_MEDIA", explanation: () => "The client offered G.729 and AMR-WB alone, which could not be played back. Have it offer G.711, G.722 or Opus." },
} as const satisfies Record<string, Kind>;

const sdp = (host: string) =>
  ["v=0", `o=SBC 20518 20518 IN IP4 ${host}`, "s=SBC", `c=IN IP4 ${host}`, "t=0 0", "m=audio 24380 RTP/AVP 8 0 101", "a=rtpmap:8 PCMA/8000", "a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000", "a=sendonly", "a=label:1", "m=audio 24382 RTP/AVP 8 0 101", "a=rtpmap:8 PCMA/8000", "a=sendonly", "a=label:2"].join("\n");

const metadata = `<?xml version="1.0" encoding="UTF-8"?>
<recording xmlns="urn:ietf:params:xml:ns:recording:1">
  <datamode>complete</datamode>
  <session session_id="dG9uaWdodA=="/>
  <participant participant_id="YWRlbGU=">
    <nameID aor="sip:adelev@contoso.example"><name>Adele Vance</name></nameID>
  </participant>
  <participant participant_id="b3V0c2lkZQ==">
    <nameID aor="tel:+442079460118"/>
  </participant>
  <stream stream_id="MQ==" session_id="dG9uaWdodA=="><label>1</label></stream>
  <stream stream_id="Mg==" session_id="dG9uaWdodA=="><label>2</label></stream>
</recording>`;

const phrases: Readonly<Record<number, string>> = { 200: "OK", 403: "Forbidden", 488: "Not Acceptable Here" };

/** As the server writes it: a line with time, direction and other side, the message, a line of dashes. */
export function traceOf({ at, remoteAddress, transport, sipCallId, client, status, explanation }: Invitation, recordingUser: string): string {
  const [host = ""] = remoteAddress.split(":");
  const startMs = Date.parse(at);
  const heads = (cseq: string) => [`Via: SIP/2.0/${transport.toUpperCase()} ${remoteAddress};branch=z9hG4bK7f3a11`, `From: <sip:srs@${host}>;tag=9fxced76sl`, `To: <sip:${recordingUser}@rec.contoso.example>`, `Call-ID: ${sipCallId}`, `CSeq: ${cseq}`];
  const entry = (afterMs: number, direction: "received from" | "sent to", message: string) => `${new Date(startMs + afterMs).toISOString()} ${direction} ${remoteAddress} (${transport.toUpperCase()})\n\n${message}\n\n${"-".repeat(72)}\n`;
  const invite = [
    `INVITE sip:${recordingUser}@rec.contoso.example SIP/2.0`, ...heads("1 INVITE"), `Contact: <sip:srs@${remoteAddress}>;+sip.src`, "Require: siprec", `User-Agent: ${client}`, "Content-Type: multipart/mixed;boundary=OSS-unique-boundary-42", "Content-Length: 1684", "",
    "--OSS-unique-boundary-42", "Content-Type: application/sdp", "", sdp(host), "--OSS-unique-boundary-42", "Content-Type: application/rs-metadata+xml", "Content-Disposition: recording-session", "", metadata, "--OSS-unique-boundary-42--",
  ].join("\n");
  const answer = [`SIP/2.0 ${status} ${phrases[status] ?? ""}`, ...heads("1 INVITE"), ...(status === 200 ? ["Contact: <sip:rec.contoso.example>;+sip.srs", "Content-Type: application/sdp", "Content-Length: 210", "", sdp("203.0.113.5").replaceAll("sendonly", "recvonly")] : [`Warning: 399 rec.contoso.example "${explanation.split(". ")[0]}"`, "Content-Length: 0"])].join("\n");
  return [
    entry(0, "received from", invite),
    entry(3, "sent to", ["SIP/2.0 100 Trying", ...heads("1 INVITE"), "Content-Length: 0"].join("\n")),
    entry(11, "sent to", answer),
    entry(38, "received from", [`ACK sip:${recordingUser}@rec.contoso.example SIP/2.0`, ...heads("1 ACK"), "Content-Length: 0"].join("\n")),
    ...(status === 200
      ? [entry(62_400, "received from", [`BYE sip:${recordingUser}@rec.contoso.example SIP/2.0`, ...heads("2 BYE"), "Content-Length: 0"].join("\n")), entry(62_409, "sent to", ["SIP/2.0 200 OK", ...heads("2 BYE"), "Content-Length: 0"].join("\n"))]
      : []),
  ].join("");
}
