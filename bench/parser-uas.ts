/**
 * A recording server that records nothing, for comparison: our parser, our SDP and metadata parsers, an answer put together from strings, on
 * bare sockets. What a session costs beyond this is what the platform does for it: policy, keys, ports, journal, facts, database.
 */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { createSipStreamFramer, parseRecordingMetadata, parseSdp, parseSipMessage, splitBody } from "@earwitness/media";
import { host } from "./sip-line.ts";

const port = Number(process.argv[2]);
const sdp = `v=0\r\no=uas 1 1 IN IP4 ${host}\r\ns=-\r\nc=IN IP4 ${host}\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0\r\na=recvonly\r\na=label:1\r\nm=audio 30002 RTP/AVP 0\r\na=recvonly\r\na=label:2\r\n`;

/** Null where no answer is due. */
function answer(bytes: Uint8Array): string | null {
  const parsed = parseSipMessage(bytes);
  if (!parsed.ok || parsed.message.kind !== "request" || parsed.message.method === "ACK") return null;
  const { headers, method } = parsed.message;
  const via = headers.all("Via").map((value) => `Via: ${value}\r\n`).join("");
  const head = `SIP/2.0 200 OK\r\n${via}From: ${headers.get("From")}\r\nTo: ${headers.get("To")};tag=uas\r\nCall-ID: ${headers.get("Call-ID")}\r\nCSeq: ${headers.get("CSeq")}\r\n`;
  if (method !== "INVITE") return `${head}Content-Length: 0\r\n\r\n`;
  const body = splitBody(headers.get("Content-Type") ?? "", parsed.message.body);
  if (!body.ok || body.value.sdp === null || !parseSdp(body.value.sdp.body).ok || body.value.metadata === null || !parseRecordingMetadata(body.value.metadata.body).ok) return `${head.replace("200 OK", "400 Bad Request")}Content-Length: 0\r\n\r\n`;
  return `${head}Contact: <sip:uas@${host}:${port}>\r\nContent-Type: application/sdp\r\nContent-Length: ${sdp.length}\r\n\r\n${sdp}`;
}

const udp = createSocket("udp4", (bytes, from) => {
  const text = answer(bytes);
  if (text !== null) udp.send(text, from.port, from.address);
});
udp.bind(port, host);

createServer({ noDelay: true }, (socket) => {
  const framer = createSipStreamFramer();
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    for (const event of framer.push(chunk)) {
      const text = event.kind === "message" ? answer(event.bytes) : null;
      if (text !== null) socket.write(text);
    }
  });
}).listen(port, host, () => process.send?.("listening"));
process.on("disconnect", () => process.exit(0));
