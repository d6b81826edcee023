import fc from "fast-check";
import type { SipMessage } from "@earwitness/media";
import { expect, test } from "vitest";
import { createTestCall, partial, sdpOf, siprecBody } from "./test-client.ts";
import type { Message, TestCall, TestClient } from "./test-client.ts";
import { createTestServer, trunk } from "./test-server.ts";
import type { TestServer } from "./test-server.ts";

/**
 * What a client sends in one dialog, over a network that loses, doubles, delays and reorders. However its messages arrive: one recording,
 * one end, no port and no timer left, and a call beside it that notices nothing.
 */

/** What the client knows that it has done; the commands' preconditions are about nothing else. */
interface Model {
  invited: boolean;
  /** A final answer came, and with it the server's tag: without it no request can be one of the dialog. */
  answered: boolean;
  /** Messages written, each of which may arrive again at any time. */
  written: number;
  /** The recorder hangs while it opens the call, or adds a stream. */
  held: boolean;
}

interface Real {
  readonly model: Model;
  readonly it: TestServer;
  readonly client: TestClient;
  /** Writes without sending: what arrives, when and how often is the network's affair. */
  readonly call: TestCall;
  readonly written: Uint8Array[];
  readonly gate: { release: () => void };
}

const inviteBranch = "z9hG4bKfirst";
const isFinalToInvite = (message: SipMessage): boolean => message.kind === "response" && message.status >= 200 && message.headers.get("CSeq") === "1 INVITE";

/** Until the server has read everything, and what it began has had its turns of the loop. */
async function arrived({ it }: Real, received: number): Promise<void> {
  const deadlineMs = Date.now() + 3_000;
  while (it.server.stats().transport.received < received) {
    if (Date.now() > deadlineMs) throw new Error("a datagram on loopback did not arrive");
    await new Promise((soon) => setImmediate(soon));
  }
  for (let turn = 0; turn < 8; turn += 1) await new Promise((soon) => setImmediate(soon));
}

async function arrive(real: Real, ...messages: readonly Uint8Array[]): Promise<void> {
  const before = real.it.server.stats().transport.received;
  for (const message of messages) real.client.send(message);
  await arrived(real, before + messages.length);
  learnTag(real);
}

/** The client learns the server's tag from whatever answer comes first. */
function learnTag(real: Real): void {
  const answer = real.client.received.find(isFinalToInvite);
  real.call.toTag ??= answer === undefined ? null : (/tag=(.+)$/.exec(answer.headers.get("To") ?? "")?.[1] ?? null);
  real.model.answered = real.call.toTag !== null;
}

async function advance(real: Real, ms: number): Promise<void> {
  real.it.time.advance(ms);
  for (let turn = 0; turn < 8; turn += 1) await new Promise((soon) => setImmediate(soon));
}

function write(model: Model, real: Real, method: string, message: Parameters<TestCall["send"]>[1] = {}): Uint8Array {
  const bytes = real.call.send(method, message);
  real.written.push(bytes);
  model.written += 1;
  return bytes;
}

function hang(model: Model, { it, gate }: Real): void {
  model.held = true;
  const { promise, resolve } = Promise.withResolvers<void>();
  it.recorder.hold = promise;
  it.recorder.decide = async () => promise.then(() => null);
  gate.release = () => {
    it.recorder.hold = null;
    it.recorder.decide = async () => null;
    resolve();
  };
}

type Command = fc.AsyncCommand<Model, Real>;

const command = (name: string, check: (model: Readonly<Model>) => boolean, run: (model: Model, real: Real) => Promise<void>): Command => ({ check, run, toString: () => name });

const bodies: Readonly<Record<string, Message>> = {
  "hold": { contentType: "application/sdp", body: sdpOf({ label: "1", direction: "inactive" }, { label: "2" }) },
  "a third stream": { contentType: "application/sdp", body: sdpOf({ label: "1" }, { label: "2" }, { label: "3" }) },
  "one stream less": { contentType: "application/sdp", body: sdpOf({ label: "1" }, { label: "2", port: 0 }) },
  "people": { contentType: "application/rs-metadata+xml", body: partial(`<participantstreamassoc participant_id="p2"><recv>t1</recv></participantstreamassoc>`) },
  "a refresh": {},
  "nothing recordable": { contentType: "application/sdp", body: sdpOf({ label: "1", codec: 18 }, { label: "2", codec: 18 }) },
  "broken SDP": { contentType: "application/sdp", body: "nonsense" },
};

const always = (): boolean => true;
const invited = (model: Readonly<Model>): boolean => model.invited;
const answered = (model: Readonly<Model>): boolean => model.answered;

const aBody = fc.constantFrom(...Object.keys(bodies));
const aChange = fc.record({ method: fc.constantFrom("INVITE", "UPDATE"), body: aBody });

const invite = fc.constant(
  command("INVITE", (model) => !model.invited, async (model, real) => {
    model.invited = true;
    await arrive(real, write(model, real, "INVITE", { ...siprecBody(), branch: inviteBranch }));
  }),
);

/** The first INVITE several times, so that most runs get that far. */
const commands = [
  invite,
  invite,
  invite,
  invite,
  fc.constant(command("INVITE and CANCEL while the recorder hangs", (model) => !model.invited, async (model, real) => {
    if (!model.held) hang(model, real);
    model.invited = true;
    await arrive(real, write(model, real, "INVITE", { ...siprecBody(), branch: inviteBranch }));
    await arrive(real, write(model, real, "CANCEL", { branch: inviteBranch, cseq: 1 }));
  })),
  fc.nat().map((which) => command(`again: ${which}`, (model) => model.written > 0, (_model, real) => arrive(real, real.written[which % real.written.length]!))),
  fc.tuple(fc.nat(), fc.nat()).map(([one, other]) => command(`again: ${one}, ${other}`, (model) => model.written > 1, (_model, real) => arrive(real, real.written[one % real.written.length]!, real.written[other % real.written.length]!))),
  fc.constant(command("ACK", answered, (model, real) => arrive(real, write(model, real, "ACK")))),
  fc.constant(command("CANCEL", invited, (model, real) => arrive(real, write(model, real, "CANCEL", { branch: inviteBranch, cseq: 1, headers: [["To", "<sip:bob@client.example>"]] })))),
  aChange.map(({ method, body }) => command(`${method} with ${body}`, answered, (model, real) => arrive(real, write(model, real, method, bodies[body])))),
  fc.tuple(aChange, aChange).map(([one, other]) => command(`${one.method} with ${one.body} overtaken by ${other.method} with ${other.body}`, answered, async (model, real) => {
    const [first, second] = [write(model, real, one.method, bodies[one.body]), write(model, real, other.method, bodies[other.body])];
    await arrive(real, second, first);
  })),
  aChange.map(({ method, body }) => command(`${method} with ${body}, lost`, answered, async (model, real) => void write(model, real, method, bodies[body]))),
  fc.constant(command("BYE", answered, (model, real) => arrive(real, write(model, real, "BYE")))),
  aChange.map(({ method, body }) => command(`${method} with ${body} overtaken by BYE`, answered, async (model, real) => {
    const change = write(model, real, method, bodies[body]);
    await arrive(real, write(model, real, "BYE"), change);
  })),
  fc.constant(command("a stranger's BYE", invited, async (_model, real) => {
    const stranger = createTestCall({ ...real.client, send: () => undefined }, "udp", real.call.callId);
    stranger.toTag = "guessed";
    stranger.cseq = 900;
    await arrive(real, stranger.send("BYE"));
  })),
  fc.integer({ min: 1, max: 9_000 }).map((ms) => command(`${ms} ms pass`, always, (_model, real) => advance(real, ms))),
  fc.constant(command("the recorder hangs", (model) => !model.held, async (model, real) => hang(model, real))),
  fc.constant(command("the recorder goes on", (model) => model.held, async (model, real) => {
    model.held = false;
    real.gate.release();
    await advance(real, 0);
  })),
];

async function check(all: Iterable<Command>, ends: Map<string, number>): Promise<void> {
  await using it = await createTestServer();
  const bystander = await it.call();
  await bystander.establish();
  const [watched] = it.recorder.calls;
  const client = await it.client();
  const model: Model = { invited: false, answered: false, written: 0, held: false };
  const real: Real = { model, it, client, call: createTestCall({ ...client, send: () => undefined }, "udp"), written: [], gate: { release: () => undefined } };
  await fc.asyncModelRun(() => ({ model, real }), all);

  // The network comes to rest, the recorder too; a call that still runs is hung up by its client.
  real.gate.release();
  await advance(real, 0);
  learnTag(real);
  if (model.invited && real.call.toTag !== null) await arrive(real, real.call.send("BYE"));
  // 32 s for an ACK that never comes, and as many again for the answer to the BYE that follows.
  for (let second = 0; second < 80; second += 1) await advance(real, 1_000);

  const mine = it.recorder.calls.filter(({ offer }) => offer.sipCallId === real.call.callId);
  expect(mine.length).toBe(model.invited ? 1 : 0);
  for (const call of mine) {
    expect(call.ends).toHaveLength(1);
    ends.set(call.ends[0]!, (ends.get(call.ends[0]!) ?? 0) + 1);
    expect(call.told.at(-1)?.kind).toBe("end"); // nothing is told to a recording that has ended
  }
  expect(it.recorder.portsOpen.size).toBe(2); // the bystander's
  expect(it.server.stats()).toMatchObject({ dialogs: 1, transactions: 0 });
  expect(it.logged.filter((line) => /could not be handled|step failed|could not be opened/.test(line))).toEqual([]);

  // One request, one final answer: what is repeated says the same.
  const finals = Map.groupBy(client.received.filter((message) => message.kind === "response" && message.status >= 200), (message) => `${message.headers.get("Via")?.match(/branch=([^;]+)/)?.[1]} ${message.headers.get("CSeq")}`);
  for (const [request, answers] of finals) expect(new Set(answers.map((answer) => answer.kind === "response" && answer.status)).size, request).toBe(1);

  expect(watched!.told).toEqual([]);
  bystander.send("BYE");
  await bystander.client.next((message) => message.kind === "response" && message.headers.get("CSeq")!.endsWith("BYE"));
  await advance(real, 0);
  expect(watched!.ends).toEqual(["released"]);
  expect(it.recorder.portsOpen.size).toBe(0);
  expect(watched!.offer.trunkId).toBe(trunk.trunkId);
}

test("whatever order messages arrive in, however often: one recording, one end, nothing left behind", async () => {
  const runs = 150;
  const ends = new Map<string, number>();
  await fc.assert(fc.asyncProperty(fc.commands(commands, { maxCommands: 25 }), (all) => check(all, ends)), { numRuns: runs });
  // The runs get as far as they should: most of them record, and the ways to the end differ.
  expect([...ends.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(runs / 2);
  expect(ends.get("released")).toBeGreaterThan(runs / 4);
  expect(ends.get("cancelled")).toBeGreaterThan(0);
}, 120_000);
