import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import type { Problem } from "@earwitness/contract";
import { Refusal } from "#errors";

/** Titles of the codes that have a better one than their HTTP status. */
const titles: Readonly<Record<string, string>> = {
  VALIDATION: "The request is not well-formed",
  INTEGRITY: "The recording does not match its proof",
  DATABASE_AWAY: "The database does not answer",
};

function problem(request: FastifyRequest, status: number, code: string, detail?: string, errors: Problem["errors"] = []): Problem {
  return {
    type: `urn:earwitness:problem:${code.toLowerCase().replaceAll("_", "-")}`,
    title: titles[code] ?? STATUS_CODES[status] ?? "Error",
    status,
    ...(detail === undefined ? {} : { detail }),
    instance: request.id,
    code,
    ...(errors.length === 0 ? {} : { errors: [...errors] }),
  };
}

/** Every error answer is problem+json (RFC 9457). What was not meant to be shown is answered without its text, and logged under the instance id. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply, isDatabaseAway: (error: unknown) => boolean): void {
  const answer = isDatabaseAway(error)
    ? problem(request, 503, "DATABASE_AWAY", "The database cannot be reached; try again in a moment.")
    : problemOf(error, request);
  if (answer.status >= 500) request.log.error({ err: error, code: answer.code }, "request failed");
  else request.log.info({ code: answer.code, status: answer.status }, "request refused");
  send(reply, answer);
}

export function answerNotFound(request: FastifyRequest, reply: FastifyReply): void {
  send(reply, problem(request, 404, "NOT_FOUND", "There is nothing at this address."));
}

export function answerMethodNotAllowed(request: FastifyRequest, reply: FastifyReply, allowed: readonly string[]): void {
  reply.header("allow", allowed.join(", "));
  send(reply, problem(request, 405, "METHOD_NOT_ALLOWED", `${request.method} is not answered here, only ${allowed.join(", ")}.`));
}

/** What does not parse as HTTP never becomes a request; the connection gets this and is closed. */
export function answerMalformed(code: string | undefined, socket: Socket): void {
  // The other side is gone already, or an answer is on its way that this would land in the middle of.
  if (code === "ECONNRESET" || !socket.writable || socket.bytesWritten > 0) return void socket.destroy();
  const status = code === "HPE_HEADER_OVERFLOW" ? 431 : code === "ERR_HTTP_REQUEST_TIMEOUT" ? 408 : 400;
  const title = STATUS_CODES[status]!;
  const body = JSON.stringify({ type: "urn:earwitness:problem:malformed", title, status, code: "MALFORMED" } satisfies Problem);
  socket.end(`HTTP/1.1 ${status} ${title}\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`);
}

function send(reply: FastifyReply, answer: Problem): void {
  if (answer.status === 401) reply.header("www-authenticate", "Bearer");
  // What a route said of its own answer does not hold for the error's; 416 alone has a Content-Range of its own.
  for (const header of ["etag", "accept-ranges", "content-disposition", "last-modified", "content-length"]) reply.removeHeader(header);
  if (answer.status !== 416) reply.removeHeader("content-range");
  reply
    .code(answer.status)
    .header("cache-control", "no-store")
    .type("application/problem+json")
    .serializer(JSON.stringify)
    .send(answer);
}

function problemOf(error: unknown, request: FastifyRequest): Problem {
  if (error instanceof Refusal) return problem(request, error.status, error.code, error.message, [...error.errors]);
  const { validation, validationContext, statusCode, code } = error as Partial<FastifyError>;
  if (validation !== undefined) {
    const errors = plainFaults(validation).map((fault) => ({ where: whereOf(fault, validationContext), message: fault.message ?? "is not valid" }));
    return problem(request, 400, "VALIDATION", errors.map(({ where, message }) => `${where} ${message}`).join("; "), errors);
  }
  // Fastify's own refusals (body too large, wrong content type, malformed JSON): their texts tell nothing of us.
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return problem(request, statusCode, fastifyCode(statusCode, code), error instanceof Error ? error.message : undefined);
  }
  return problem(request, 500, "INTERNAL", "Something failed that should not have. The log knows more under this instance id.");
}

/** Of a value that may also be null, what is wrong with it is worth telling; that it is not null either is not. */
function plainFaults(faults: NonNullable<FastifyError["validation"]>): NonNullable<FastifyError["validation"]> {
  const plain = faults.filter(({ keyword, params }) => keyword !== "anyOf" && !(keyword === "type" && params["type"] === "null"));
  return plain.length === 0 ? faults : plain;
}

function fastifyCode(status: number, code: string | undefined): string {
  if (status === 413) return "TOO_LARGE";
  if (status === 415) return "UNSUPPORTED_MEDIA_TYPE";
  if (status === 429) return "TOO_MANY_REQUESTS";
  return status === 400 ? "MALFORMED" : (code ?? "REFUSED");
}

/** `body.tenant`, `query.limit`: where the wrong value stands; for a missing or surplus one, where it would. */
function whereOf(fault: NonNullable<FastifyError["validation"]>[number], context: string | undefined): string {
  const place = context === "querystring" ? "query" : (context ?? "request");
  const path = fault.instancePath.split("/").slice(1).map(unescapePointer);
  const { missingProperty, additionalProperty } = fault.params as { missingProperty?: string; additionalProperty?: string };
  const last = missingProperty ?? additionalProperty;
  return [place, ...path, ...(last === undefined ? [] : [last])].join(".");
}

const unescapePointer = (step: string) => step.replaceAll("~1", "/").replaceAll("~0", "~");
