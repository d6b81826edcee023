/**
 * A session border controller of a benchmark, in a process of its own: places many two-stream calls and ends them. Cheap on purpose: it
 * shares the machine with what it measures. Loopback only. What its calls say is sent by rtp-load.ts.
 */
import { placeCall, type LoadCall, type Refused } from "./load-call.ts";
import { openSipLine, type SipLine, type Transport } from "./sip-line.ts";

export type Order =
  | { readonly kind: "open"; readonly server: number; readonly calls: number; readonly perSecond: number; /** Begins all Call-IDs. */ readonly name: string; /** Where its packets come from. */ readonly rtpPort: number }
  /** Those that have these Call-IDs, or all, at once. */
  | { readonly kind: "end"; readonly ids?: readonly string[] }
  /** Sets calls up and ends them, one after the other on each of so many lines. */
  | { readonly kind: "cycle"; readonly server: number; readonly transport: Transport; readonly atOnce: number; readonly seconds: number; readonly name: string };

export type ClientSays = Opened | Ended | Cycled | Failed;

export interface Opened {
  readonly kind: "opened";
  readonly calls: readonly { readonly id: string; readonly ports: readonly (readonly [rtp: number, rtcp: number])[]; readonly setupMs: number }[];
  readonly refused: number;
  /** How many for which reason. */
  readonly refusals: Readonly<Record<string, number>>;
  readonly ms: number;
}

export interface Ended {
  readonly kind: "ended";
  /** By Call-ID: when BYE was sent, wall time. */
  readonly byes: readonly (readonly [callId: string, atMs: number])[];
  readonly answerMs: readonly number[];
}

export interface Cycled {
  readonly kind: "cycled";
  readonly seconds: number;
  readonly refused: number;
  readonly inviteMs: readonly number[];
  readonly byeMs: readonly number[];
  readonly cpuMs: number;
}

export interface Failed {
  readonly kind: "failed";
  readonly why: string;
}

const calls = new Map<string, LoadCall>();
let line: SipLine | null = null;

async function open(order: Extract<Order, { kind: "open" }>): Promise<Opened> {
  const over = (line ??= await openSipLine("udp", order.server));
  const began = performance.now();
  const placed: Promise<LoadCall | Refused>[] = [];
  for (let index = 0; index < order.calls; index += 1) {
    placed.push(placeCall(over, order.server, order.rtpPort, `${order.name}-${index}`));
    const wait = began + ((index + 1) * 1000) / order.perSecond - performance.now();
    if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
  }
  const answered = await Promise.all(placed);
  const opened = answered.filter((call) => "id" in call);
  const refusals: Record<string, number> = {};
  for (const call of answered) if ("why" in call) refusals[call.why] = (refusals[call.why] ?? 0) + 1;
  for (const call of opened) calls.set(call.id, call);
  return { kind: "opened", calls: opened.map(({ id, ports, setupMs }) => ({ id, ports, setupMs })), refused: order.calls - opened.length, refusals, ms: performance.now() - began };
}

async function end({ ids = [...calls.keys()] }: Extract<Order, { kind: "end" }>): Promise<Ended> {
  const byes: (readonly [string, number])[] = [];
  const answers = await Promise.all(
    ids.map((id) => {
      byes.push([id, performance.timeOrigin + performance.now()]);
      const ended = calls.get(id)!.end();
      calls.delete(id);
      return ended;
    }),
  );
  return { kind: "ended", byes, answerMs: answers.map(({ ms }) => ms) };
}

async function cycle(order: Extract<Order, { kind: "cycle" }>): Promise<Cycled> {
  const [inviteMs, byeMs]: [number[], number[]] = [[], []];
  let refused = 0;
  const before = process.cpuUsage();
  const began = performance.now();
  await Promise.all(
    Array.from({ length: order.atOnce }, async (_, lane) => {
      const over = await openSipLine(order.transport, order.server);
      for (let count = 0; performance.now() - began < order.seconds * 1000; count += 1) {
        const call = await placeCall(over, order.server, 40_000, `${order.name}-${lane}-${count}`);
        const bye = "id" in call ? await call.end() : null;
        if (!("id" in call) || bye?.status !== 200) refused += 1;
        else {
          inviteMs.push(call.setupMs);
          byeMs.push(bye.ms);
        }
      }
      over.close();
    }),
  );
  const { user, system } = process.cpuUsage(before);
  return { kind: "cycled", seconds: (performance.now() - began) / 1000, refused, inviteMs, byeMs, cpuMs: (user + system) / 1000 };
}

process.on("message", (order: Order) => {
  const work: Promise<ClientSays> = order.kind === "open" ? open(order) : order.kind === "end" ? end(order) : cycle(order);
  void work.catch((error: unknown): Failed => ({ kind: "failed", why: String(error) })).then((says) => process.send?.(says));
});
process.on("disconnect", () => process.exit(0));
