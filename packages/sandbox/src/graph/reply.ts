import { randomUUID } from "node:crypto";

/** What is answered, before it is written to a socket or into a batch. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** An error in Graph's shape. */
export class GraphRefusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }

  reply(now: Date): Reply {
    const id = randomUUID();
    const innerError = { date: now.toISOString().slice(0, 19), "request-id": id, "client-request-id": id };
    return { status: this.status, headers: { ...this.headers, "request-id": id }, body: { error: { code: this.code, message: this.message, innerError } } };
  }
}

export const badRequest = (message: string): GraphRefusal => new GraphRefusal(400, "Request_BadRequest", message);
export const unsupportedQuery = (message: string): GraphRefusal => new GraphRefusal(400, "Request_UnsupportedQuery", message);
export const notFound = (id: string): GraphRefusal =>
  new GraphRefusal(404, "Request_ResourceNotFound", `Resource '${id}' does not exist or one of its queried reference-property objects are not present.`);
export const ok = (body: unknown): Reply => ({ status: 200, headers: { "request-id": randomUUID() }, body });
