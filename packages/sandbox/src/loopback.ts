import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** An HTTP server of this machine only. */
export interface Loopback {
  readonly port: number;
  close(): Promise<void>;
}

/** On 127.0.0.1, and on ::1 where the machine has it, because `localhost` may mean either. Port 0 takes any free one. */
export async function listenOnLoopback(port: number, handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<Loopback> {
  const open = async (host: string, at: number): Promise<Server> => {
    const server = createServer(handler);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(at, host, () => {
        server.off("error", reject);
        resolve();
      });
    });
    return server;
  };
  const main = await open("127.0.0.1", port);
  const bound = (main.address() as AddressInfo).port;
  const also = await open("::1", bound).catch(() => null);
  const servers = also === null ? [main] : [main, also];
  return {
    port: bound,
    async close() {
      await Promise.all(
        servers.map(async (server) => {
          server.closeAllConnections();
          await new Promise<void>((resolve) => server.close(() => resolve()));
        }),
      );
    },
  };
}

/** A page from elsewhere whose name was made to point at this machine asks under that name. */
export function isLoopbackHost(host: string | undefined, port: number): boolean {
  return [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`].includes(host ?? "");
}
