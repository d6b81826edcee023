import { sql } from "kysely";
import { pooled, type Db } from "./pool.ts";

/** True when the database answers within the connection timeout. */
export async function pingDb(db: Db): Promise<boolean> {
  try {
    await sql`select 1`.execute(db[pooled]);
    return true;
  } catch {
    return false;
  }
}

const socketCodes = new Set([
  "ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL", "EMFILE", "ENFILE",
]);

/*
 * SQLSTATEs that speak of the server, not of the statement: connection exceptions (08), refused sign-in (28), unknown
 * database (3D), insufficient resources such as a full disk or too many connections (53), shutdown and start-up (57P),
 * a statement that took too long (57014), system errors (58), and a primary that became a read-only replica (25006).
 */
const serverState = /^(08...|28...|3D000|53...|57P0.|57014|58...|25006)$/;

/** What pg throws without a code. */
const driverTexts = /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end|The server does not support SSL|driver has already been destroyed)/i;

/**
 * True when the database could not take any work just now, whatever the work was: wait and do the same again. False when
 * it is this statement that it will not have.
 */
export function isConnectionError(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  // Node tries all addresses of a host and wraps their failures; an unreachable unix socket is ENOENT of a connect.
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return thrown.errors.every(isConnectionError);
  const { code, syscall } = thrown as NodeJS.ErrnoException;
  if (typeof code === "string") {
    if (socketCodes.has(code) || serverState.test(code)) return true;
    if (syscall === "connect" || syscall === "getaddrinfo") return true;
  }
  if (driverTexts.test(thrown.message)) return true;
  return thrown.cause !== undefined && isConnectionError(thrown.cause);
}
