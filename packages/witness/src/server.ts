/** HTTP around a witness: `POST /add-checkpoint`, `GET /<hash of the origin>/checkpoint`. Whoever connects may be anybody. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Heads } from "./heads.ts";
import { createRateLimit } from "./rate-limit.ts";
import type { Answer, Witness } from "./witness.ts";

export interface WitnessServer {
  readonly address: { readonly host: string; readonly port: number };
  close(): Promise<void>;
}

export interface WitnessServerOptions {
  readonly witness: Witness;
  readonly heads: Pick<Heads, "show">;
  readonly vkey: string;
  readonly host: string;
  readonly port: number;
  /** Requests a second from one address. */
  readonly rate: number;
  readonly report: (sentence: string) => void;
}

/** 63 lines of proof, a checkpoint, and 16 signatures of the largest kind are some 60 kB. */
const maxBodyBytes = 128 * 1024;
const patienceMs = 10_000;
const maxConnections = 512;

export async function startServer({ witness, heads, vkey, host, port, rate, report }: WitnessServerOptions): Promise<WitnessServer> {
  const mayAsk = createRateLimit(rate, () => performance.now());

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "/";
    if (!mayAsk(request.socket.remoteAddress ?? "")) return say(response, 429, "too many requests from this address\n", { "retry-after": "1" });
    if (path === "/add-checkpoint") {
      if (request.method !== "POST") return say(response, 405, "add-checkpoint is a POST\n", { allow: "POST" });
      const body = await readBody(request);
      if (body === null) return say(response, 413, `a request has at most ${maxBodyBytes} bytes\n`, { connection: "close" });
      return sayAnswer(response, await witness.addCheckpoint(body));
    }
    if (request.method !== "GET" && request.method !== "HEAD") return say(response, 405, "this can only be read\n", { allow: "GET, HEAD" });
    if (path === "/") return say(response, 200, `${vkey}\n`);
    const [, originHash] = /^\/([0-9a-f]{64})\/checkpoint$/.exec(path) ?? [];
    const shown = originHash === undefined ? null : await heads.show(originHash);
    return shown === null ? say(response, 404, "there is nothing here\n") : say(response, 200, shown, { "cache-control": "no-store" });
  }

  const server = createServer({ requestTimeout: patienceMs, headersTimeout: patienceMs, keepAliveTimeout: 60_000, maxHeaderSize: 8 * 1024 }, (request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (request.socket.destroyed) return; // hung up
      report(`a request failed: ${error instanceof Error ? error.message : "unknown"}`);
      say(response, 500, "this witness has a fault; its operator is told\n", { connection: "close" });
    });
  });
  server.maxConnections = maxConnections;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const bound = server.address() as AddressInfo;
  return {
    address: { host: bound.address, port: bound.port },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}

/** Null where there is more of it than there can be. */
async function readBody(request: IncomingMessage): Promise<Uint8Array | null> {
  if (Number(request.headers["content-length"] ?? 0) > maxBodyBytes) return null;
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > maxBodyBytes) return null;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

const sayAnswer = (response: ServerResponse, { status, body }: Answer): void => say(response, status, body, status === 409 ? { "content-type": "text/x.tlog.size" } : {});

function say(response: ServerResponse, status: number, body: string, headers: Readonly<Record<string, string>> = {}): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff", "content-length": Buffer.byteLength(body), ...headers });
  response.end(body);
}
