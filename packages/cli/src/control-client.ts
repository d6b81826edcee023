/** Speaks with the server of this machine over its control socket. */
import { lstatSync } from "node:fs";
import { request } from "node:http";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { Problem } from "@earwitness/contract";
import { controlSocketPath } from "@earwitness/contract/places";

/** Something that the user is told in one sentence. */
export class Failure extends Error {
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** No server runs with this data directory. */
export class NoServer extends Failure {}

export interface ControlClient {
  call<T>(method: "GET" | "POST", path: string, body?: unknown): Promise<T>;
}

const checkout = resolve(import.meta.dirname, "../../..");
const timeoutMs = 30_000;

/** As the server finds it: EARWITNESS_DATA_DIR, else /var/lib/earwitness for root, else `data` in the checkout. */
export function dataDirectory(env: Readonly<Record<string, string | undefined>>, uid: number | undefined): string {
  const given = env["EARWITNESS_DATA_DIR"];
  if (given !== undefined && given !== "") return resolve(given.replace(/^~(?=\/|$)/, homedir()));
  return uid === 0 ? "/var/lib/earwitness" : join(checkout, "data");
}

export function createControlClient(dataDir: string): ControlClient {
  const socketPath = controlSocketPath(dataDir);
  const noServer = () => new NoServer(`no Earwitness server runs here with the data directory ${dataDir}. Start it with npm start, or name another directory in EARWITNESS_DATA_DIR.`);

  return {
    async call<T>(method: "GET" | "POST", path: string, body?: unknown): Promise<T> {
      refuseForeignSocket(socketPath, noServer);
      const answer = await send(socketPath, method, path, body).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT" || error.code === "ECONNREFUSED") throw noServer();
        if (error.code === "EACCES") throw new Failure(`the server's control socket ${socketPath} belongs to another user. Run this as the server's user.`);
        throw new Failure(`the server did not answer: ${error.message}`);
      });
      if (answer.status < 300) return (answer.text === "" ? undefined : JSON.parse(answer.text)) as T;
      throw new Failure(sentenceOf(answer));
    },
  };
}

/** The socket's directory in the temporary one could be anybody's: a key is asked for only from our own server, or root's. */
function refuseForeignSocket(socketPath: string, noServer: () => Failure): void {
  const uid = process.getuid?.();
  const foreign = () => new Failure(`${dirname(socketPath)} belongs to another user. Run this as the server's user.`);
  let directory;
  try {
    directory = lstatSync(dirname(socketPath), { throwIfNoEntry: false });
  } catch {
    throw foreign(); // in a directory that we may not even look into
  }
  if (directory === undefined) throw noServer();
  if (uid !== undefined && uid !== 0 && directory.uid !== uid && directory.uid !== 0) throw foreign();
}

function send(socketPath: string, method: string, path: string, body: unknown): Promise<{ status: number; text: string }> {
  return new Promise((settle, reject) => {
    const content = body === undefined ? undefined : JSON.stringify(body);
    const headers = content === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(content) };
    const sent = request({ socketPath, method, path, headers, timeout: timeoutMs }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => settle({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString("utf8") }));
    });
    sent.on("timeout", () => sent.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
    sent.on("error", reject);
    sent.end(content);
  });
}

function sentenceOf({ status, text }: { status: number; text: string }): string {
  let problem: Partial<Problem> = {};
  try {
    problem = JSON.parse(text) as Problem;
  } catch {
    // Not from our server after all; its status is all there is to tell.
  }
  return problem.detail ?? problem.title ?? `the server answered ${status}`;
}
