/** SIP from addresses that belong to no trunk: every kind of message that means nothing, at a steady rate. */
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { taskOf, tell } from "./messages.ts";
import type { SipFloodTask } from "./messages.ts";
import { atSteadyRate } from "./steady-rate.ts";

const { sipPort, perSecond, sources } = taskOf<SipFloodTask>();
const answers: Record<string, number> = {};

/** 127.0.0.66, and as many more as are wanted: each under the share of one stranger, so that all of them are read. */
const addresses = Array.from({ length: sources }, (_, index) => (index === 0 ? "127.0.0.66" : `127.0.${1 + (index >> 7)}.${1 + (index & 127)}`));
const sockets = await Promise.all(
  addresses.map(async (address) => {
    const socket = createSocket("udp4");
    socket.on("error", () => undefined);
    socket.on("message", (bytes) => {
      const status = bytes.toString("latin1", 8, 11);
      answers[status] = (answers[status] ?? 0) + 1;
    });
    await new Promise<void>((bound) => socket.bind(0, address, bound));
    await new Promise<void>((aimed) => socket.connect(sipPort, "127.0.0.1", aimed));
    return { socket, address, port: socket.address().port };
  }),
);

const offer = "v=0\r\no=x 1 1 IN IP4 127.0.0.66\r\ns=-\r\nc=IN IP4 127.0.0.66\r\nt=0 0\r\nm=audio 9000 RTP/AVP 0\r\na=sendonly\r\na=label:1\r\n";

function message(method: string, count: number, address: string, port: number, { tag = "", body = "", type = "" } = {}): string {
  const id = `${process.pid.toString(36)}${count.toString(36)}`;
  return [
    `${method} sip:recorder@127.0.0.1 SIP/2.0`,
    `Via: SIP/2.0/UDP ${address}:${port};rport;branch=z9hG4bK${id}`,
    "Max-Forwards: 70",
    `From: <sip:x@${address}>;tag=${id}`,
    `To: <sip:recorder@127.0.0.1>${tag}`,
    `Call-ID: ${id}@flood`,
    `CSeq: 1 ${method}`,
    `Contact: <sip:x@${address}:${port}>;+sip.src`,
    ...(type === "" ? [] : ["Require: siprec", `Content-Type: ${type}`]),
    `Content-Length: ${body.length}`,
    "",
    body,
  ].join("\r\n");
}

/** By turns, what is wrong with a message. */
const spoil: readonly ((text: string) => string)[] = [
  (text) => text.replace("SIP/2.0\r\n", "SIP/9.9\r\n"),
  (text) => text.replace("CSeq: 1 ", "CSeq: x "),
  (text) => text.slice(0, 60),
  (text) => text.replace("Content-Length: 0", "Content-Length: 99999"),
  (text) => text.replace(/From: .*\r\n/, ""),
  (text) => `${text.slice(0, -2)}X-Long: ${"a".repeat(4_000)}\r\n\r\n`,
  (text) => text.replaceAll("\r", ""),
  (text) => `\0\xff\xfe${text}`,
];

const halfOpen: Socket[] = [];

/** A request that never ends, on a connection of its own; the oldest go so that no more than 200 are open. */
function halfRequest(count: number): void {
  const { address } = sockets[count % Math.min(sockets.length, 8)]!;
  const socket = connect({ host: "127.0.0.1", port: sipPort, localAddress: address });
  socket.on("error", () => undefined);
  socket.on("data", () => (answers["on TCP"] = (answers["on TCP"] ?? 0) + 1));
  socket.on("connect", () => socket.write(message("INVITE", count, address, 5060, { type: "application/sdp", body: offer }).slice(0, 200 + (count % 150))));
  halfOpen.push(socket);
  if (halfOpen.length > 200) halfOpen.shift()!.destroy();
}

const rate = atSteadyRate(perSecond, (count) => {
  const { socket, address, port } = sockets[count % sockets.length]!;
  const kind = count % 20;
  if (kind < 2) return halfRequest(count);
  if (kind < 4) return socket.send(message("BYE", count, address, port, { tag: ";tag=none" }));
  if (kind < 8) return socket.send(Buffer.from(spoil[(count >> 2) % spoil.length]!(message("OPTIONS", count, address, port)), "latin1"));
  if (kind < 13) return socket.send(message("INVITE", count, address, port, { type: "application/sdp", body: offer }));
  return socket.send(message("OPTIONS", count, address, port));
});

process.on("message", () => {
  rate.stop();
  tell({ kind: "count", sent: rate.done, answers });
  for (const socket of halfOpen) socket.destroy();
  for (const { socket } of sockets) socket.close();
  process.disconnect();
});
