import type { Duplex } from "node:stream";
import { Client, type ClientConfig } from "pg";

/*
 * PostgreSQL's replication protocol, through pg's own connection: what pg_basebackup and pg_receivewal speak, which the
 * embedded PostgreSQL does not bring. Its types do not tell of the messages, so they are named here.
 */

interface Wire {
  readonly stream: Duplex;
  on(event: "copyData", listener: (message: { chunk: Buffer }) => void): void;
  once(event: "commandComplete", listener: () => void): void;
  sendCopyFromChunk(chunk: Buffer): void;
}

export interface ReplicationConnection {
  /** Commands in upper case: PostgreSQL takes others for SQL, which it does not run here. */
  query(command: string): Promise<Record<string, string | null>[]>;
  /** Runs a command that answers with a stream. The bytes are the caller's own. */
  receive(command: string, heard: (message: Buffer) => void): Promise<void>;
  /** The same for a stream that lasts: resolves when the server ends it in order, which it does when it is shut down. */
  follow(command: string, heard: (message: Buffer) => void): Promise<void>;
  /** Answers the running stream. */
  send(message: Buffer): void;
  pause(): void;
  resume(): void;
  /** Ends the connection at once, whatever runs on it. */
  destroy(): void;
}

export async function connectReplication(superuserUrl: string): Promise<ReplicationConnection> {
  const config: ClientConfig & { replication: string } = { connectionString: superuserUrl, application_name: "earwitness backup", connectionTimeoutMillis: 5_000, replication: "true" };
  const client = new Client(config);
  client.on("error", () => undefined); // the running command tells
  await client.connect();
  const wire = (client as unknown as { connection: Wire }).connection;
  let listener: (message: Buffer) => void = () => undefined;
  // pg reads into a buffer that it uses again: what is kept for later is copied.
  wire.on("copyData", ({ chunk }) => listener(Buffer.from(chunk)));
  return {
    query: async (command) => (await client.query(command)).rows as Record<string, string | null>[],
    async receive(command, heard) {
      listener = heard;
      await client.query(command);
    },
    async follow(command, heard) {
      listener = heard;
      // A server that shuts down says that the command is complete, and nothing more.
      const complete = new Promise<void>((resolve) => wire.once("commandComplete", resolve));
      await Promise.race([complete, client.query(command)]);
    },
    send: (message) => wire.sendCopyFromChunk(message),
    pause: () => void wire.stream.pause(),
    resume: () => void wire.stream.resume(),
    destroy: () => void wire.stream.destroy(),
  };
}
