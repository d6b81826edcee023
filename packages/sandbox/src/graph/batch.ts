import { answerAsked, type Asked, type Stage } from "./routes.ts";
import { GraphRefusal, ok, type Reply } from "./reply.ts";

interface Part {
  readonly id: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly dependsOn: readonly string[];
}

const mostParts = 20;

/** `POST /$batch`: up to twenty requests, each with a status of its own; they are answered in another order than asked. */
export function answerBatch(stage: Stage, body: unknown, permissions: ReadonlySet<string>, now: Date): Reply {
  const parts = readParts(body);
  const replies = new Map<string, Reply>();
  for (const part of parts) {
    const hasFailed = part.dependsOn.some((id) => (replies.get(id)?.status ?? 424) >= 400);
    replies.set(part.id, hasFailed ? new GraphRefusal(424, "FailedDependency", "A request that this one depends on has failed.").reply(now) : answerPart(stage, part, permissions, now));
  }
  return ok({ responses: [...replies].toReversed().map(([id, { status, headers, body }]) => ({ id, status, headers: { "Content-Type": "application/json", ...headers }, body })) });
}

function answerPart(stage: Stage, { method, url, headers, body }: Part, permissions: ReadonlySet<string>, now: Date): Reply {
  const { pathname, searchParams } = new URL(url, "http://batch.invalid");
  const eventual = Object.entries(headers).some(([name, value]) => name.toLowerCase() === "consistencylevel" && value.toLowerCase() === "eventual");
  const asked: Asked = { method, path: pathname, query: searchParams, eventual, body };
  try {
    return answerAsked(stage, asked, permissions);
  } catch (error) {
    if (error instanceof GraphRefusal) return error.reply(now);
    throw error;
  }
}

function readParts(body: unknown): readonly Part[] {
  const refuse = (message: string): GraphRefusal => new GraphRefusal(400, "BadRequest", message);
  const requests: unknown = typeof body === "object" && body !== null && "requests" in body ? body.requests : null;
  if (!Array.isArray(requests) || requests.length === 0) throw refuse("Invalid batch payload format.");
  if (requests.length > mostParts) throw refuse(`Number of batch request steps exceeds the maximum value of ${mostParts}.`);
  const seen = new Set<string>();
  return requests.map((request: Partial<Part> | null) => {
    const { id, method, url, headers = {}, body: content, dependsOn = [] } = request ?? {};
    if (typeof id !== "string" || id === "" || typeof method !== "string" || typeof url !== "string" || !url.startsWith("/")) throw refuse("Invalid batch payload format.");
    if (seen.has(id)) throw refuse(`Request ids must be unique: '${id}'.`);
    if (!dependsOn.every((each) => seen.has(each))) throw refuse(`Request '${id}' depends on one that does not stand before it.`);
    seen.add(id);
    return { id, method, url, headers, body: content, dependsOn };
  });
}
