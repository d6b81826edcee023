/**
 * The portal's API with invented calls, in one small process: for working on the portal and for its tests without a server.
 *
 *   node dev/mock.ts [--port 4174] [--rows 400] [--dist dist] [--without tenant.manage]
 *
 * `q=fails`, `q=forbidden` and `q=slow` answer with an error, a missing right, and late.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { parseArgs } from "node:util";
import type { Interaction, LiveEvent, Problem, SessionInfo } from "@earwitness/contract";
import { findAudit, listAudit } from "./audit.ts";
import { answerSettings } from "./settings.ts";
import { Refused, type Mistake } from "./refused.ts";
import { playOn } from "./trunks.ts";
import { createRandom, inventDetail, inventInteraction, inventPeaks, inventWav } from "./calls.ts";

const { values: options } = parseArgs({
  options: {
    port: { type: "string", default: "4174" },
    rows: { type: "string", default: "400" },
    dist: { type: "string", default: join(import.meta.dirname, "../dist") },
    without: { type: "string", default: "" },
  },
});

/** As the server sends it. The digest is that of the empty string: it lets griffel add its empty style elements, which it fills through the CSSOM. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "media-src 'self' blob:",
  "worker-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "object-src 'none'",
].join("; ");

const random = createRandom(2024);
const interactions: Interaction[] = [];
let startMs = Date.now() - 9 * 60_000;
for (let n = 0; n < Number(options.rows); n++) {
  interactions.push(inventInteraction(n, new Date(startMs), "done"));
  startMs -= 20_000 + Math.floor(random() * 900_000);
}
for (const [n, ago] of [[900_003, 412_000], [900_012, 95_000], [900_021, 31_000]] as const) {
  interactions.unshift(inventInteraction(n, new Date(Date.now() - ago), "running"));
}

const fresh = (interaction: Interaction): Interaction =>
  interaction.mediaStatus === "Recording" && interaction.answeredAt
    ? { ...interaction, durationMs: Math.max(0, Date.now() - Date.parse(interaction.answeredAt)) }
    : interaction;

const listeners = new Set<ServerResponse>();
const send = (event: LiveEvent) => {
  for (const listener of listeners) listener.write(`event: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`);
};
const replace = (interaction: Interaction) => {
  const at = interactions.findIndex((one) => one.id === interaction.id);
  if (at < 0) interactions.unshift(interaction);
  else interactions[at] = interaction;
  send({ kind: "interaction", interaction: fresh(interaction) });
};

let nextSeed = 910_000;
setInterval(() => {
  const running = interactions.filter((one) => one.mediaStatus === "Recording");
  const oldest = running.at(-1);
  if (running.length > 3 && oldest) {
    const now = new Date();
    const ended: Interaction = { ...fresh(oldest), mediaStatus: "Pending", releaseCause: "Normal", releasedAt: now.toISOString() };
    replace(ended);
    setTimeout(() => replace({ ...ended, mediaStatus: "Available" }), 2_500);
  }
  if (running.length < 5) replace(inventInteraction(nextSeed++, new Date(), "running"));
}, 9_000);
setInterval(() => {
  send({
    kind: "activity",
    recordings: interactions
      .filter((one) => one.mediaStatus === "Recording")
      .map((one) => {
        const turn = Math.floor(Date.now() / 3_100 + Number.parseInt(one.id.slice(8, 10), 16)) % one.participants.length;
        return {
          interactionIds: [one.id],
          tracks: one.participants.map((_, n) => ({
            track: n + 1,
            level: n === turn ? 0.25 + Math.random() * 0.7 : Math.random() * 0.04,
            speaking: n === turn,
          })),
        };
      }),
  });
}, 250);

playOn(() => interactions.filter((one) => one.mediaStatus === "Available" || one.mediaStatus === "Recording").map((one) => one.id));

function problem(response: ServerResponse, status: number, code: string, title: string, detail: string, errors: readonly Mistake[] = []): void {
  const body: Problem = { type: `urn:earwitness:problem:${code.toLowerCase()}`, title, status, detail, instance: "req-7", code, ...(errors.length > 0 && { errors: [...errors] }) };
  response.writeHead(status, { "content-type": "application/problem+json" }).end(JSON.stringify(body));
}
const json = (response: ServerResponse, body: unknown) => void response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));

const plays = new Set<string>();
const wavs = new Map<string, Buffer>();

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://mock");
  response.setHeader("content-security-policy", contentSecurityPolicy);
  if (!url.pathname.startsWith("/api/v1/")) return file(url.pathname, response);
  const path = url.pathname.slice("/api/v1/".length);
  if (path === "sign-in") {
    response.writeHead(302, { "set-cookie": "mock=1; Path=/; HttpOnly; SameSite=Lax", location: url.searchParams.get("returnTo") ?? "/" }).end();
    return;
  }
  if (path === "sign-out") {
    response.writeHead(204, { "set-cookie": "mock=; Path=/; Max-Age=0" }).end();
    return;
  }
  if (!request.headers.cookie?.includes("mock=1")) return problem(response, 401, "SIGN_IN_REQUIRED", "Sign-in required", "Your session has ended.");
  if (path === "session") {
    const session: SessionInfo = {
      person: { name: "Megan Bowen", upn: "MeganB@contoso.example" },
      tenant: { id: "2f0c7a34-0d1b-4d43-9d0a-6f3f6a4a8a11", name: "Contoso", slug: "contoso" },
      profile: "Admin",
      permissions: ["interaction.list", "recording.listen", "tenant.manage", "audit.read"].filter((one) => one !== options.without),
      sandbox: true,
    };
    return json(response, session);
  }
  if (path === "live") {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.write(": hello\n\n");
    listeners.add(response);
    request.on("close", () => listeners.delete(response));
    return;
  }
  if (await answerSettings(request, response, url)) return;
  if (path === "audit") return json(response, listAudit(url.searchParams));
  if (path === "audit/export") return void response.writeHead(200, { "content-type": "text/csv", "content-disposition": 'attachment; filename="audit-trail.csv"' }).end("Report Header\r\n");
  if (path.startsWith("audit/")) {
    const entry = findAudit(path.slice("audit/".length));
    return entry ? json(response, entry) : problem(response, 404, "NOT_FOUND", "Not found", "There is no such entry.");
  }
  if (path === "interactions") return list(url, response);
  const match = /^interactions\/([0-9a-f]{24})(?:\/(plays|peaks|media))?$/.exec(path);
  const found = interactions.find((one) => one.id === match?.[1]);
  if (!match || !found) return problem(response, 404, "NOT_FOUND", "Not found", "There is no such interaction, or you may not see it.");
  const detail = inventDetail(fresh(found));
  if (!match[2]) return json(response, detail);
  if (match[2] === "peaks") return json(response, inventPeaks(detail));
  if (match[2] === "plays") {
    const playId = crypto.randomUUID();
    plays.add(playId);
    return json(response, { playId });
  }
  if (!plays.has(url.searchParams.get("play") ?? "")) return problem(response, 403, "PLAY_UNKNOWN", "Not allowed", "This play is not known.");
  const wav = wavs.get(found.id) ?? inventWav(detail);
  wavs.set(found.id, wav);
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  const from = range ? Number(range[1]) : 0;
  const to = range?.[2] ? Number(range[2]) : wav.length - 1;
  response.writeHead(range ? 206 : 200, {
    "content-type": "audio/wav",
    "accept-ranges": "bytes",
    "content-length": to - from + 1,
    ...(range && { "content-range": `bytes ${from}-${to}/${wav.length}` }),
  });
  response.end(wav.subarray(from, to + 1));
}

function list(url: URL, response: ServerResponse): void {
  const q = url.searchParams.get("q")?.toLowerCase() ?? "";
  if (q === "fails") return problem(response, 503, "DATABASE_AWAY", "The database does not answer", "Recording goes on; the list comes back with the database.");
  if (q === "forbidden") return problem(response, 403, "FORBIDDEN", "Not allowed", "Missing right: interaction.read.");
  const status = url.searchParams.getAll("status");
  const limit = Number(url.searchParams.get("limit") ?? 50);
  const after = Number(url.searchParams.get("after") ?? 0);
  const matching = interactions.filter(
    (one) => (status.length === 0 || status.includes(one.mediaStatus)) && (q === "" || q === "slow" || JSON.stringify([one.user, one.participants]).toLowerCase().includes(q)),
  );
  const items = matching.slice(after, after + limit).map(fresh);
  const next = after + limit < matching.length ? String(after + limit) : null;
  const page = { items, next, ...(after === 0 && { total: { count: Math.min(matching.length, 10_000), exact: matching.length <= 10_000 } }) };
  setTimeout(() => json(response, page), q === "slow" ? 60_000 : 60);
}

const kinds: Record<string, string> = { ".js": "text/javascript", ".css": "text/css", ".html": "text/html; charset=utf-8", ".svg": "image/svg+xml" };

async function file(path: string, response: ServerResponse): Promise<void> {
  const safe = normalize(path).replace(/^(\.\.[/\\])+/, "");
  const wanted = extname(safe) ? safe : "/index.html";
  try {
    const body = await readFile(join(options.dist, wanted));
    response.writeHead(200, { "content-type": kinds[extname(wanted)] ?? "application/octet-stream" }).end(body);
  } catch {
    response.writeHead(404).end();
  }
}

const server = createServer((request, response) => {
  answer(request, response).catch((fault: unknown) => {
    if (fault instanceof Refused) return problem(response, fault.status, fault.code, "Refused", fault.message, fault.errors);
    process.stderr.write(`${String(fault)}\n`);
    response.destroy();
  });
});
server.listen(Number(options.port), "127.0.0.1", () => {
  const address = server.address();
  process.stdout.write(`http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/\n`);
});
