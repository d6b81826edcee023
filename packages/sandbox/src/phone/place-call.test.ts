import { decodeG711 } from "@earwitness/media";
import { afterEach, expect, test } from "vitest";
import { createFakeRecorder, type FakeRecorder, type FakeRecorderOptions } from "./fake-recorder.ts";
import { CallRefused, placeCall, type CallPlan, type PlacedCall } from "./place-call.ts";
import { SipTimeout } from "./sip-line.ts";

const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close();
});

async function recorder(options?: FakeRecorderOptions): Promise<FakeRecorder> {
  const fake = await createFakeRecorder(options);
  open.push(fake);
  return fake;
}

const adele = { name: "Adele Vance", aor: "sip:adelev@contoso.example" };
const debra = { name: 'Debra "D" <Berger> & Co', aor: "tel:+12065550142" };
const megan = { name: "Megan Bowen", aor: "sip:meganb@contoso.example" };

async function call(fake: FakeRecorder, plan: Partial<CallPlan> = {}): Promise<PlacedCall> {
  const placed = await placeCall({ server: { host: "127.0.0.1", port: fake.port }, parties: [adele, debra], ...plan });
  open.push({ close: async () => await placed.vanish() });
  return placed;
}

const pause = async (ms: number): Promise<void> => await new Promise((resolve) => setTimeout(resolve, ms));
const matches = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map((match) => match[1] ?? "");

/** Decoded audio of a label, laid out by RTP timestamp from the first packet. */
function heard(fake: FakeRecorder, label: string, codec: "PCMU" | "PCMA"): Int16Array {
  const packets = fake.audio.get(label) ?? [];
  const first = packets[0]?.packet.timestamp ?? 0;
  const samples = new Int16Array(packets.length * 160 + 16_000);
  for (const { packet } of packets) samples.set(decodeG711(codec, packet.payload), (packet.timestamp - first) >>> 0);
  return samples;
}

test("INVITE carries SDP and complete metadata in the order of the schema, each stream of its own label", async () => {
  const fake = await recorder();
  const placed = await call(fake, { codec: "PCMA" });
  const invite = fake.requests[0];
  expect(invite?.method).toBe("INVITE");
  expect(invite?.headers.get("Require")).toBe("siprec");
  expect(invite?.headers.get("Contact")).toContain(";+sip.src");
  expect(invite?.headers.get("Content-Type")).toMatch(/^multipart\/mixed;boundary=/);
  expect(fake.offers[0]?.media.map((line) => [line.label, line.direction, line.payloads[0]?.encoding])).toEqual([["1", "sendonly", "PCMA"], ["2", "sendonly", "PCMA"]]);
  const xml = fake.metadata()[0] ?? "";
  const order = matches(xml, /\n {2}<(\w+)/g);
  expect(order).toEqual(["datamode", "group", "session", "participant", "participant", "stream", "stream", "sessionrecordingassoc", "participantsessionassoc", "participantsessionassoc", "participantstreamassoc", "participantstreamassoc"]);
  expect(xml).toContain("<datamode>complete</datamode>");
  expect(xml).toContain("Debra &quot;D&quot; &lt;Berger&gt; &amp; Co");
  for (const id of matches(xml, /(?:group|session|participant|stream)_id="([^"]+)"/g)) expect(Buffer.from(id, "base64")).toHaveLength(16);
  expect(xml).toContain(`session_id="${placed.sessionId()}"`);
  await placed.bye();
  expect(fake.requests.map((request) => request.method)).toEqual(["INVITE", "ACK", "BYE"]);
  expect(fake.metadata().at(-1)).toMatch(/<stop-time>/);
  expect(await placed.ended).toBe("us");
});

test("a queue that had the call before is named after the caller, as one who has left", async () => {
  const fake = await recorder();
  const placed = await call(fake, { parties: [debra, megan], earlier: { name: "Contoso Care", aor: "sip:care@contoso.example", durationMs: 6000 } });
  const xml = fake.metadata()[0] ?? "";
  expect(matches(xml, /aor="([^"]+)"/g)).toEqual([debra.aor, "sip:care@contoso.example", megan.aor]);
  expect(matches(xml, /<(participantsessionassoc .*?)<\/participantsessionassoc>/g).map((each) => each.includes("disassociate"))).toEqual([false, true, false]);
  const [start = ""] = matches(xml.slice(xml.indexOf("<participantsessionassoc")), /<(?:dis)?associate-time>([^<]+)</g);
  expect(matches(xml, /<start-time>([^<]+)</g)).toEqual([start]);
  expect(Date.parse(matches(xml, /<disassociate-time>([^<]+)</g)[0] ?? "") - Date.parse(start)).toBe(6000);
  expect(fake.offers[0]?.media).toHaveLength(2);
  await placed.bye();
});

for (const transport of ["udp", "tcp"] as const) {
  test(`audio arrives sample for sample at a steady 20 ms over SIP on ${transport}`, async () => {
    const fake = await recorder();
    const audio = Int16Array.from({ length: 4000 }, (_, at) => Math.round(8000 * Math.sin(at / 5)));
    const placed = await call(fake, { transport, parties: [{ ...adele, audio }, debra] });
    await pause(1000);
    await placed.bye();
    const packets = fake.audio.get("1") ?? [];
    expect(packets.length).toBeGreaterThan(40);
    packets.forEach(({ packet }, at) => {
      expect(packet.sequence).toBe(((packets[0]?.packet.sequence ?? 0) + at) & 0xffff);
      expect((packet.timestamp - (packets[0]?.packet.timestamp ?? 0)) >>> 0).toBe(at * 160);
    });
    const got = heard(fake, "1", "PCMU");
    let worst = 0;
    for (let at = 0; at < audio.length; at++) worst = Math.max(worst, Math.abs((got[at] ?? 0) - (audio[at] ?? 0)));
    expect(worst).toBeLessThan(300); // half a µ-law step at this level
    expect(got.slice(4000).every((sample) => sample === 0)).toBe(true);
    expect((fake.audio.get("2") ?? []).length).toBeGreaterThan(40);
    const spanMs = (packets.at(-1)?.atMs ?? 0) - (packets[0]?.atMs ?? 0);
    expect(Math.abs(spanMs - (packets.length - 1) * 20)).toBeLessThan(60);
  });
}

test("lost, doubled and late packets happen as asked for", async () => {
  const fake = await recorder();
  const fate = (packet: number) => (packet === 3 ? "lose" : packet === 5 ? "duplicate" : packet === 7 ? "late" : "send");
  const placed = await call(fake, { parties: [{ ...adele, fate }, debra] });
  await pause(400);
  await placed.bye();
  const packets = fake.audio.get("1") ?? [];
  const first = packets[0]?.packet.sequence ?? 0;
  expect(packets.slice(0, 10).map(({ packet }) => (packet.sequence - first) & 0xffff)).toEqual([0, 1, 2, 4, 5, 5, 6, 8, 7, 9]);
});

test("hold by metadata takes the party's send away and keeps its packets; resume gives it back", async () => {
  const fake = await recorder();
  const placed = await call(fake);
  await placed.hold(debra.aor);
  const held = fake.metadata().at(-1) ?? "";
  expect(held).toContain("<datamode>partial</datamode>");
  // Adele still sends and hears nobody; Debra hears Adele and sends nothing.
  const associations = matches(held, /<participantstreamassoc [^>]*>(.*)<\/participantstreamassoc>/g).map((each) => matches(each, /<(send|recv)>/g).join());
  expect(associations).toEqual(["send", "recv"]);
  await placed.resume(debra.aor);
  expect(matches(fake.metadata().at(-1) ?? "", /<(send)>/g)).toHaveLength(2);
  expect(fake.count("UPDATE")).toBe(2);
  await placed.bye();
});

test("hold by SDP says inactive and stops the packets; time goes on meanwhile", async () => {
  const fake = await recorder();
  const placed = await call(fake);
  await pause(200);
  await placed.hold(debra.aor, "inactive");
  expect(fake.offers.at(-1)?.media.map((line) => line.direction)).toEqual(["sendonly", "inactive"]);
  await pause(60);
  const before = (fake.audio.get("2") ?? []).length;
  await pause(400);
  expect((fake.audio.get("2") ?? []).length - before).toBeLessThan(2);
  await placed.resume(debra.aor);
  await pause(200);
  await placed.bye();
  const packets = fake.audio.get("2") ?? [];
  const gap = Math.max(...packets.slice(1).map(({ packet }, at) => (packet.timestamp - (packets[at]?.packet.timestamp ?? 0)) >>> 0));
  expect(gap).toBeGreaterThan(2400);
  expect(fake.offers.map((offer) => Number(offer.origin?.version))).toEqual([1, 2, 3]);
});

test("a party that joins gets a line of its own; one that leaves frees it at port 0", async () => {
  const fake = await recorder();
  const placed = await call(fake);
  await placed.join(megan);
  expect(fake.offers.at(-1)?.media.map((line) => line.label)).toEqual(["1", "2", "3"]);
  expect(fake.metadata().at(-1)).toContain(megan.aor);
  await pause(150);
  expect((fake.audio.get("3") ?? []).length).toBeGreaterThan(2);
  await placed.leave(debra.aor);
  expect(fake.offers.at(-1)?.media.map((line) => line.port === 0)).toEqual([false, true, false]);
  expect(fake.metadata().at(-1)).toContain("<disassociate-time>");
  await expect(placed.hold(debra.aor)).rejects.toThrow("not in this call");
  await placed.bye();
});

test("a transfer by re-INVITE keeps the session, one by REFER opens another in the same group", async () => {
  const fake = await recorder();
  const placed = await call(fake);
  const session = placed.sessionId();
  await placed.replace(adele.aor, megan);
  expect(placed.sessionId()).toBe(session);
  const swapped = fake.metadata().at(-1) ?? "";
  expect(swapped).toContain(megan.aor);
  expect(swapped).not.toContain("<group ");
  await placed.transfer(megan.aor, adele);
  const moved = fake.metadata().at(-1) ?? "";
  expect(placed.sessionId()).not.toBe(session);
  expect(new Set(matches(moved, /<group-ref>([^<]+)</g))).toEqual(new Set([placed.groupId]));
  expect(matches(moved, /<session session_id="([^"]+)"/g)).toEqual([session, placed.sessionId()]);
  expect(matches(moved, /<(stop-time)>/g)).toHaveLength(1);
  // Debra stays: she leaves the old session for the new one, and her voice stays on its stream.
  const [, debraId = ""] = /participant_id="([^"]+)"><nameID aor="tel:/.exec(moved) ?? [];
  const ofDebra = matches(moved, /<(participant\w+assoc participant_id="[^"]+".*?)<\/participant\w+assoc>/g).filter((each) => each.includes(debraId));
  expect(ofDebra.map((each) => [each.startsWith("participantsessionassoc"), each.includes("disassociate")])).toEqual([[true, true], [true, false]]);
  expect(new Set(matches(moved, /<stream [^>]*session_id="([^"]+)"/g))).toEqual(new Set([placed.sessionId()]));
  await placed.bye();
});

test("a request that got lost is sent again, and an answer that came twice is acknowledged twice", async () => {
  const fake = await recorder({ before: (request, count) => (request.method === "INVITE" && count === 1 ? "ignore" : null) });
  const placed = await call(fake);
  expect(fake.count("INVITE")).toBe(2);
  expect(new Set(fake.requests.filter((request) => request.method === "INVITE").map((request) => request.headers.get("Via"))).size).toBe(1);
  await placed.bye();
});

test("a refusal tells when to come again and is acknowledged in its transaction", async () => {
  const fake = await recorder({ before: (request) => (request.method === "INVITE" ? { status: 503, reason: "Draining", headers: [["Retry-After", "7"]] } : null) });
  const refused = await call(fake).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(CallRefused);
  expect(refused).toMatchObject({ status: 503, retryAfterMs: 7000 });
  await pause(50);
  const [invite, ack] = fake.requests;
  expect(ack?.method).toBe("ACK");
  expect(ack?.headers.get("Via")).toBe(invite?.headers.get("Via"));
  expect(fake.audio.size).toBe(0);
});

test("what a refused update was to tell comes with the next one, in full", async () => {
  const fake = await recorder({ before: (request, count) => (request.method === "UPDATE" && count === 1 ? { status: 500, reason: "Busy" } : null) });
  const placed = await call(fake);
  await expect(placed.replace(adele.aor, megan)).rejects.toThrow("500 Busy");
  await placed.hold(debra.aor);
  const told = fake.metadata().at(-1) ?? "";
  expect(told).toContain("<datamode>complete</datamode>");
  expect(told).toContain(megan.aor);
  await placed.bye();
});

test("no recorder: the call fails in time and leaves nothing behind", async () => {
  const fake = await createFakeRecorder();
  await fake.close();
  await expect(placeCall({ server: { host: "127.0.0.1", port: fake.port }, parties: [adele, debra], timeoutMs: 700 })).rejects.toThrow(SipTimeout);
});

test("a longer session interval that the recorder wants is taken over, and the session is refreshed at its half", async () => {
  const fake = await recorder({
    before: (request, count) => (request.method === "INVITE" && count === 1 ? { status: 422, reason: "Session Interval Too Small", headers: [["Min-SE", "2"]] } : null),
    inviteHeaders: [["Session-Expires", "2;refresher=uac"]],
  });
  const placed = await call(fake, { sessionExpiresSeconds: 1 });
  const [first, second] = fake.requests.filter((request) => request.method === "INVITE");
  expect(first?.headers.get("Session-Expires")).toBe("1;refresher=uac");
  expect(second?.headers.get("Session-Expires")).toBe("2;refresher=uac");
  await pause(1200);
  expect(fake.count("UPDATE")).toBe(1);
  await placed.bye();
});

test("the recorder's own requests are answered: OPTIONS, refresh, snapshot request, re-INVITE, BYE", async () => {
  const fake = await recorder();
  const placed = await call(fake);
  expect((await fake.ask("OPTIONS")).status).toBe(200);
  const refresh = await fake.ask("UPDATE", [["Session-Expires", "1800;refresher=uas"]]);
  expect([refresh.status, refresh.headers.get("Session-Expires")]).toEqual([200, "1800;refresher=uas"]);
  expect((await fake.ask("UPDATE", [["Content-Type", "application/rs-metadata+xml"]], '<requestsnapshot xmlns="urn:ietf:params:xml:ns:recording:1"/>')).status).toBe(200);
  await pause(100);
  expect(fake.metadata().at(-1)).toContain("<datamode>complete</datamode>");
  const offered = await fake.ask("INVITE", [["Content-Type", "application/sdp"]], "");
  expect(new TextDecoder().decode(offered.body)).toContain("a=label:2");
  expect((await fake.ask("MESSAGE")).status).toBe(405);
  expect((await fake.ask("BYE")).status).toBe(200);
  expect(await placed.ended).toBe("recorder");
  await placed.bye();
  expect(fake.count("BYE")).toBe(0);
});

test("a call that the recorder no longer knows is given up", async () => {
  const fake = await recorder({ before: (request) => (request.method === "OPTIONS" ? { status: 481, reason: "Call/Transaction Does Not Exist" } : null) });
  const placed = await call(fake, { keepAliveSeconds: 1 });
  expect(await placed.ended).toBe("lost");
});

test("fifty calls at once keep their pace", async () => {
  const fake = await recorder();
  const placed = await Promise.all(Array.from({ length: 50 }, async () => await call(fake)));
  expect(new Set(placed.map((each) => each.callId)).size).toBe(50);
  const from = placed.map((each) => each.packets(adele.aor));
  await pause(2000);
  placed.forEach((each, at) => expect(Math.abs(each.packets(adele.aor) - (from[at] ?? 0) - 100)).toBeLessThan(12));
  await Promise.all(placed.map(async (each) => await each.bye()));
  expect(fake.count("BYE")).toBe(50);
}, 20_000);

test("a sender report comes every five seconds and a goodbye at the end", async () => {
  const fake = await recorder();
  const placed = await call(fake);
  await pause(5300);
  await placed.bye();
  await pause(50);
  const reports = fake.rtcp.filter((bytes) => bytes.readUInt8(1) === 200);
  expect(reports.length).toBeGreaterThanOrEqual(4); // two streams: one each on time, one each with the goodbye
  const [first] = reports;
  const length = first?.length ?? 0;
  expect(length % 4).toBe(0);
  expect(first?.readUInt16BE(2)).toBe(6);
  expect(first?.readUInt32BE(20)).toBe(250);
  expect(first?.readUInt32BE(24)).toBe(250 * 160);
  const unixSeconds = (first?.readUInt32BE(8) ?? 0) - 2_208_988_800;
  expect(Math.abs(unixSeconds - Date.now() / 1000)).toBeLessThan(5);
  expect(reports.at(-1)?.readUInt8((reports.at(-1)?.length ?? 0) - 7)).toBe(203);
}, 15_000);
