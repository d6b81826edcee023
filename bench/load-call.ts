/** A two-stream SIPREC call as a benchmark's client places it: what it says, and what it has been told. */
import { parseSdp, parseSipMessage } from "@earwitness/media";
import { host, type Answer, type SipLine } from "./sip-line.ts";

export interface LoadCall {
  readonly id: string;
  /** RTP and RTCP port of each stream. */
  readonly ports: readonly (readonly [rtp: number, rtcp: number])[];
  readonly setupMs: number;
  end(): Promise<Answer>;
}

export interface Refused {
  /** The status, and the answer's own warning; "408" where none came. */
  readonly why: string;
}

/** `rtpPort`: where it sends from. */
export async function placeCall(line: SipLine, server: number, rtpPort: number, name: string): Promise<LoadCall | Refused> {
  const id = `${name}@load`;
  let target = `sip:srs@${host}:${server}`;
  let to = `<sip:srs@${host}>`;
  const via = line.transport.toUpperCase();
  const head = (method: string, sequence: number): string =>
    `${method} ${target} SIP/2.0\r\nVia: SIP/2.0/${via} ${host}:${line.port};branch=z9hG4bK${name}${method};rport\r\nMax-Forwards: 70\r\nFrom: <sip:load@${host}>;tag=${name}\r\nTo: ${to}\r\nCall-ID: ${id}\r\nCSeq: ${sequence} ${method}\r\n`;

  const body = bodyOf(name, rtpPort);
  const contact = `<sip:load@${host}:${line.port}${line.transport === "tcp" ? ";transport=tcp" : ""}>;+sip.src`;
  const answer = await line.ask(id, 1, `${head("INVITE", 1)}Contact: ${contact}\r\nRequire: siprec\r\nContent-Type: multipart/mixed;boundary=b\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  const text = answer.text.toString("latin1");
  to = /^To: (.*)\r$/im.exec(text)?.[1] ?? to;
  target = /^Contact: <([^>]+)>/im.exec(text)?.[1] ?? target;
  if (answer.status !== 408) line.send(`${head("ACK", 1)}Content-Length: 0\r\n\r\n`);
  if (answer.status !== 200) return { why: [answer.status, .../^Warning: (.*)\r$/im.exec(text)?.slice(1) ?? []].join(" ") };
  return {
    id,
    get ports() {
      return portsOf(answer.text);
    },
    setupMs: answer.ms,
    end: () => line.ask(id, 2, `${head("BYE", 2)}Content-Length: 0\r\n\r\n`),
  };
}

function portsOf(answer: Buffer): (readonly [number, number])[] {
  const message = parseSipMessage(answer);
  const sdp = message.ok ? parseSdp(message.message.body) : null;
  return sdp?.ok === true ? sdp.value.media.map(({ port }) => [port, port + 1] as const) : [];
}

function bodyOf(name: string, rtpPort: number): string {
  const line = (label: number): string => `m=audio ${rtpPort} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=sendonly\r\na=label:${label}\r\n`;
  const sdp = `v=0\r\no=load 1 1 IN IP4 ${host}\r\ns=-\r\nc=IN IP4 ${host}\r\nt=0 0\r\n${line(1)}${line(2)}`;
  const id = (part: string): string => Buffer.from(`${name}-${part}`.padStart(16).slice(-16)).toString("base64");
  const associations = ["a", "b"].map((who) => `<participantsessionassoc participant_id="${id(who)}" session_id="${id("s")}"/>`).join("");
  const streams = ["a", "b"].map((who, at) => `<stream stream_id="${id(`${who}-stream`)}" session_id="${id("s")}"><label>${at + 1}</label></stream>`).join("");
  const sends = ["a", "b"].map((who) => `<participantstreamassoc participant_id="${id(who)}"><send>${id(`${who}-stream`)}</send></participantstreamassoc>`).join("");
  const metadata = `<?xml version="1.0" encoding="UTF-8"?>\r\n<recording xmlns="urn:ietf:params:xml:ns:recording:1"><datamode>complete</datamode><session session_id="${id("s")}"/><participant participant_id="${id("a")}"><nameID aor="sip:${name}@elsewhere.example"><name>Caller ${name}</name></nameID></participant><participant participant_id="${id("b")}"><nameID aor="sip:adelev@contoso.example"/></participant>${streams}${associations}${sends}</recording>`;
  return `--b\r\nContent-Type: application/sdp\r\n\r\n${sdp}\r\n--b\r\nContent-Type: application/rs-metadata+xml\r\nContent-Disposition: recording-session\r\n\r\n${metadata}\r\n--b--\r\n`;
}
