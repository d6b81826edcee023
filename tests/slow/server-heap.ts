/**
 * What another Node process really holds, after a collection of garbage in its main thread and in every worker: its resident size says
 * little, because V8 gives memory back when it pleases. Node opens its inspector, on loopback alone, when it gets SIGUSR1.
 */
import { once } from "node:events";

const inspectorUrl = "http://127.0.0.1:9229/json/list";

interface Reply {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly sessionId?: string; readonly message?: string };
  readonly result?: { readonly usedSize?: number; readonly embedderHeapUsedSize?: number; readonly backingStorageSize?: number };
}

/** In MiB: JavaScript objects and the memory behind their buffers. */
export async function heldMib(pid: number, file: string): Promise<number> {
  process.kill(pid, "SIGUSR1");
  const socket = new WebSocket(await debuggerUrl(file));
  await once(socket, "open");
  try {
    return (await measure(socket)) / 2 ** 20;
  } finally {
    socket.close();
  }
}

async function debuggerUrl(file: string): Promise<string> {
  for (let tries = 0; tries < 100; tries += 1) {
    await new Promise((soon) => setTimeout(soon, 50));
    const targets = await fetch(inspectorUrl)
      .then((response) => response.json() as Promise<{ url: string; webSocketDebuggerUrl: string }[]>)
      .catch(() => []);
    const mine = targets.find(({ url }) => url.endsWith(file));
    if (mine !== undefined) return mine.webSocketDebuggerUrl;
  }
  throw new Error("the server's inspector does not answer on port 9229; is another one open there?");
}

async function measure(socket: WebSocket): Promise<number> {
  let ids = 0;
  const waiting = new Map<string, (result: NonNullable<Reply["result"]>) => void>();
  const workers: string[] = [];

  socket.addEventListener("message", ({ data }) => receive("", JSON.parse(String(data)) as Reply));
  function receive(session: string, reply: Reply): void {
    if (reply.method === "NodeWorker.attachedToWorker" && reply.params?.sessionId !== undefined) workers.push(reply.params.sessionId);
    if (reply.method === "NodeWorker.receivedMessageFromWorker") receive(reply.params?.sessionId ?? "", JSON.parse(reply.params?.message ?? "{}") as Reply);
    if (reply.id !== undefined) waiting.get(`${session} ${reply.id}`)?.(reply.result ?? {});
  }
  function ask(session: string, method: string, params: object = {}): Promise<NonNullable<Reply["result"]>> {
    ids += 1;
    const id = ids;
    return new Promise((done) => {
      waiting.set(`${session} ${id}`, done);
      const message = JSON.stringify({ id, method, params });
      socket.send(session === "" ? message : JSON.stringify({ id: (ids += 1), method: "NodeWorker.sendMessageToWorker", params: { sessionId: session, message } }));
    });
  }

  await ask("", "NodeWorker.enable", { waitForDebuggerOnStart: false });
  let bytes = 0;
  for (const session of ["", ...workers]) {
    // Twice: what finalizers let go in the first round is free in the second.
    for (let round = 0; round < 2; round += 1) await ask(session, "HeapProfiler.collectGarbage");
    const { usedSize = 0, embedderHeapUsedSize = 0, backingStorageSize = 0 } = await ask(session, "Runtime.getHeapUsage");
    bytes += usedSize + embedderHeapUsedSize + backingStorageSize;
  }
  await ask("", "NodeWorker.disable");
  return bytes;
}
