import type { InteractionDetail, InteractionPage, Peaks, Play, Problem, SessionInfo } from "@earwitness/contract";
import { apiPaths } from "./paths.ts";

/** An error answer of the server, in its own words. Status 0: no answer at all. */
export class ProblemError extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail ?? problem.title);
    this.problem = problem;
  }
}

export function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  return { type: "about:blank", title: "", status: 0, code: "UNEXPECTED", detail: error instanceof Error ? error.message : String(error) };
}

async function send(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...init, headers: { accept: "application/json", ...init.headers } });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ProblemError({ type: "about:blank", title: "", status: 0, code: "UNREACHABLE" });
  }
  if (!response.ok) throw new ProblemError(await readProblem(response));
  return response;
}

/** A proxy in between answers errors in HTML; then the status alone must do. */
export async function readProblem(response: Response): Promise<Problem> {
  const bare: Problem = { type: "about:blank", title: response.statusText, status: response.status, code: `HTTP_${response.status}` };
  if (!response.headers.get("content-type")?.includes("json")) return bare;
  const body: unknown = await response.json().catch(() => null);
  return typeof body === "object" && body !== null ? { ...bare, ...body } : bare;
}

const get = async <T>(path: string, signal?: AbortSignal): Promise<T> => (await send(path, { ...(signal && { signal }) })).json() as Promise<T>;

export const api = {
  session: (signal?: AbortSignal) => get<SessionInfo>(apiPaths.session, signal),
  interactions: (query: Parameters<typeof apiPaths.interactions>[0], signal?: AbortSignal) => get<InteractionPage>(apiPaths.interactions(query), signal),
  interaction: (id: string, signal?: AbortSignal) => get<InteractionDetail>(apiPaths.interaction(id), signal),
  peaks: (id: string, signal?: AbortSignal) => get<Peaks>(apiPaths.peaks(id), signal),
  startPlay: async (id: string): Promise<Play> =>
    (await send(apiPaths.plays(id), { method: "POST", headers: { "content-type": "application/json" }, body: "{}" })).json() as Promise<Play>,
  signOut: () => send(apiPaths.signOut, { method: "POST" }),
};
