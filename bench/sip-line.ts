/**
 * The SIP of a benchmark's client: asks over UDP or TCP and hears the final answer. Of an answer it reads the lines that it needs, because
 * parsing thousands whole would cost more than the recorder's own work.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";

export type Transport = "udp" | "tcp";

export interface Answer {
  /** 408: none came. */
  readonly status: number;
  readonly text: Buffer;
  readonly ms: number;
}

export interface SipLine {
  readonly transport: Transport;
  readonly port: number;
  /** Over UDP again and again until it is answered finally. */
  ask(callId: string, sequence: number, text: string): Promise<Answer>;
  send(text: string): void;
  close(): void;
}

export const host = "127.0.0.1";
/** RFC 3261's T1. */
const retransmitMs = 500;
const mostTries = 10;
const patienceMs = 32_000;

export async function openSipLine(transport: Transport, server: number): Promise<SipLine> {
  const waiting = new Map<string, (status: number, text: Buffer) => void>();

  function hear(message: Buffer): void {
    const text = message.toString("latin1");
    const status = Number(text.slice(8, 11));
    if (!text.startsWith("SIP/2.0") || status < 200) return;
    const callId = /^Call-ID: (.*)\r$/im.exec(text)?.[1] ?? "";
    const sequence = /^CSeq: (\d+)/im.exec(text)?.[1] ?? "";
    waiting.get(`${callId} ${sequence}`)?.(status, message);
  }

  const wire = transport === "udp" ? await openUdp(server, hear) : await openTcp(server, hear);

  function ask(callId: string, sequence: number, text: string): Promise<Answer> {
    const bytes = Buffer.from(text);
    const began = performance.now();
    return new Promise((done) => {
      const key = `${callId} ${sequence}`;
      let tries = 0;
      const finish = (status: number, answer: Buffer): void => {
        clearTimeout(again);
        waiting.delete(key);
        done({ status, text: answer, ms: performance.now() - began });
      };
      const giveUp = (): void => finish(408, Buffer.alloc(0));
      const send = (): NodeJS.Timeout => {
        wire.send(bytes);
        tries += 1;
        if (transport === "tcp") return setTimeout(giveUp, patienceMs);
        return setTimeout(tries < mostTries ? () => (again = send()) : giveUp, retransmitMs * 2 ** Math.min(tries - 1, 3));
      };
      waiting.set(key, finish);
      let again = send();
    });
  }

  return { transport, port: wire.port, ask, send: (text) => wire.send(Buffer.from(text)), close: wire.close };
}

interface Wire {
  readonly port: number;
  send(bytes: Buffer): void;
  close(): void;
}

async function openUdp(server: number, hear: (message: Buffer) => void): Promise<Wire> {
  const socket = createSocket("udp4", hear);
  await new Promise<void>((bound) => socket.bind(0, host, bound));
  socket.setRecvBufferSize(4 * 1024 * 1024);
  return { port: socket.address().port, send: (bytes) => socket.send(bytes, server, host), close: () => socket.close() };
}

async function openTcp(server: number, hear: (message: Buffer) => void): Promise<Wire> {
  const socket = connect({ port: server, host, noDelay: true });
  await once(socket, "connect");
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      const head = rest.indexOf("\r\n\r\n");
      if (head < 0) return;
      const body = Number(/^(?:Content-Length|l)\s*:\s*(\d+)/im.exec(rest.toString("latin1", 0, head + 2))?.[1] ?? 0);
      const end = head + 4 + body;
      if (rest.length < end) return;
      hear(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
  });
  socket.on("error", () => undefined); // whoever waits hears nothing, and says 408
  return { port: socket.localPort ?? 0, send: (bytes) => void socket.write(bytes), close: () => socket.destroy() };
}
