import { pino, type Logger } from "pino";

export type Log = Logger;

/** Names under which a secret may come along; their values never reach a log line. */
const secrets = ["*.secret", "*.password", "*.authorization", "*.cookie", "*.token", "*.key.bytes", "req.headers.authorization", "req.headers.cookie"];

export function createLog(level: string, destination?: { write(line: string): void }): Log {
  const options = { level, redact: { paths: secrets, censor: "[redacted]" } };
  return destination === undefined ? pino(options) : pino(options, destination);
}
