import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mergeRecordingMetadata } from "./rs-merge.ts";
import { parseRecordingMetadata, parseTime, snapshotRequestXml } from "./rs-metadata.ts";
import type { RecordingMetadata } from "./rs-metadata.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function metadata(xml: string): RecordingMetadata {
  const result = parseRecordingMetadata(bytes(xml));
  if (!result.ok) throw new Error(result.reason);
  if (result.value.kind !== "metadata") throw new Error("a snapshot request");
  return result.value;
}

/** Who sends on which label, by address: what all of this is for. */
function voices(known: RecordingMetadata): string[] {
  const labels = new Map(known.streams.map((stream) => [stream.id, stream.label]));
  const names = new Map(known.participants.map((participant) => [participant.id, participant.names[0]?.aor]));
  return known.participantStreamAssociations.map((one) => `${names.get(one.participantId)} ${one.sends.map((id) => labels.get(id)).join("+")}`);
}

const RFC_7865 = `<?xml version="1.0" encoding="UTF-8"?>
<recording xmlns="urn:ietf:params:xml:ns:recording:1">
  <datamode>complete</datamode>
  <group group_id="G=="><associate-time>2026-11-20T09:15:00Z</associate-time></group>
  <session session_id="S==">
    <sipSessionID>8c0a;remote=0db3</sipSessionID>
    <reason cause="487" protocol="Q.850">gone</reason>
    <group-ref>G==</group-ref>
    <start-time>2026-11-20T09:15:00.250Z</start-time>
  </session>
  <participant participant_id="P1=="><nameID aor="sip:trader1@bank.example"><name xml:lang="en">Trader One</name></nameID></participant>
  <participant participant_id="P2=="><nameID aor="tel:+49301234567"/></participant>
  <stream stream_id="T1==" session_id="S=="><label>1</label></stream>
  <stream stream_id="T2==" session_id="S=="><label>2</label></stream>
  <sessionrecordingassoc session_id="S=="><associate-time>2026-11-20T09:15:00Z</associate-time></sessionrecordingassoc>
  <participantsessionassoc participant_id="P1==" session_id="S=="><associate-time>2026-11-20T09:15:00Z</associate-time><param pname="isfocus" pval="true"/></participantsessionassoc>
  <participantsessionassoc participant_id="P2==" session_id="S=="><associate-time>2026-11-20T09:15:00Z</associate-time></participantsessionassoc>
  <participantstreamassoc participant_id="P1=="><send>T1==</send><recv>T2==</recv><associate-time>2026-11-20T09:15:00Z</associate-time></participantstreamassoc>
  <participantstreamassoc participant_id="P2=="><send>T2==</send><recv>T1==</recv><associate-time>2026-11-20T09:15:00Z</associate-time></participantstreamassoc>
</recording>`;

describe("documents by the book", () => {
  const document = metadata(RFC_7865);

  test("CAP-26 sessions, people and their addresses", () => {
    expect(document.mode).toBe("complete");
    expect(document.groups).toEqual([{ id: "G==", associatedAt: new Date("2026-11-20T09:15:00Z"), disassociatedAt: null }]);
    expect(document.sessions).toEqual([
      {
        id: "S==",
        groupId: "G==",
        sipSessionIds: ["8c0a;remote=0db3"],
        reasons: [{ cause: "487", protocol: "Q.850", text: "gone" }],
        startedAt: new Date("2026-11-20T09:15:00.250Z"),
        stoppedAt: null,
      },
    ]);
    expect(document.participants).toEqual([
      { id: "P1==", names: [{ aor: "sip:trader1@bank.example", name: "Trader One" }] },
      { id: "P2==", names: [{ aor: "tel:+49301234567", name: null }] },
    ]);
    expect(document.participantSessionAssociations[0]).toMatchObject({ participantId: "P1==", sessionId: "S==", params: [{ name: "isfocus", value: "true" }] });
    expect(document.sessionRecordingAssociations).toHaveLength(1);
    expect([document.extensions, document.problems]).toEqual([[], []]);
  });

  test("CAP-69 who speaks on which stream", () => {
    expect(voices(document)).toEqual(["sip:trader1@bank.example 1", "tel:+49301234567 2"]);
    expect(document.participantStreamAssociations[0]).toMatchObject({ receives: ["T2=="], inferred: false });
  });

  test("a snapshot request, also our own", () => {
    const result = parseRecordingMetadata(bytes(snapshotRequestXml("state lost & <found>")));
    expect(result).toEqual({ ok: true, value: { kind: "snapshot-request", reason: "state lost & <found>" } });
  });
});

/** Written after what the vendors' manuals and published captures describe; ids and people are ours. */
describe("documents as they come", () => {
  test("Oracle: namespace without :1, id attributes, send inside participant, no zone, unbound prefixes", () => {
    const document = metadata(`<?xml version='1.0' encoding='UTF-8'?>
      <recording xmlns='urn:ietf:params:xml:ns:recording'>
        <dataMode>complete</dataMode>
        <session id="BYiC7uSZQEZ">
          <associate-time>2026-11-20T09:15:00</associate-time>
          <extensiondata xmlns:apkt="http:/acmepacket.com/siprec/extensiondata"><apkt:ucid>00FA08;encoding=hex</apkt:ucid><apkt:callerOrig>true</apkt:callerOrig></extensiondata>
        </session>
        <participant id="p-a" session="BYiC7uSZQEZ">
          <nameID aor="sip:a@host-a.example"><name>Alice Caller</name></nameID>
          <send>s-a</send><associate-time>2026-11-20T09:15:00</associate-time>
          <extensiondata xmlns:apkt="x"><apkt:callingParty>true</apkt:callingParty><apkt:header label="P-Asserted-Identity"><value>sip:a@host</value></apkt:header></extensiondata>
        </participant>
        <participant id="p-b" session="BYiC7uSZQEZ"><nameID aor="sip:b@host-b.example"/><send>s-b</send></participant>
        <stream id="s-a" session="BYiC7uSZQEZ"><label>16777227</label><mode>separate</mode></stream>
        <stream id="s-b" session="BYiC7uSZQEZ"><label>16777228</label><mode>separate</mode></stream>
      </recording>`);
    expect(voices(document)).toEqual(["sip:a@host-a.example 16777227", "sip:b@host-b.example 16777228"]);
    expect(document.participantSessionAssociations[0]).toMatchObject({
      participantId: "p-a",
      sessionId: "BYiC7uSZQEZ",
      associatedAt: new Date("2026-11-20T09:15:00Z"),
    });
    expect(document.streams[0]).toMatchObject({ sessionId: "BYiC7uSZQEZ", mode: "separate" });
    expect(document.extensions.map((one) => [one.owner.kind, one.owner.id, one.path, one.value])).toEqual([
      ["session", "BYiC7uSZQEZ", "extensiondata/ucid", "00FA08;encoding=hex"],
      ["session", "BYiC7uSZQEZ", "extensiondata/callerOrig", "true"],
      ["participant", "p-a", "extensiondata/callingParty", "true"],
      ["participant", "p-a", "extensiondata/header", ""],
      ["participant", "p-a", "extensiondata/header/value", "sip:a@host"],
    ]);
    expect(document.extensions[3]?.attributes.get("label")).toBe("P-Asserted-Identity");
  });

  test("BroadWorks: other root, aor element, id inside send, urn ids", () => {
    const document = metadata(`<recording_metadata xmlns="urn:ietf:params:xml:ns:siprec"><dataMode>complete</dataMode><recording id="urn:uuid:r"/>
      <group id="urn:uuid:g" recording="urn:uuid:r"/><session id="urn:uuid:s" group="urn:uuid:g"><start-time>2026-11-20T09:15:00Z</start-time></session>
      <participant id="urn:uuid:p" session="urn:uuid:s"><aor>sip:+12015550100@as.example;user=phone</aor><name>Pat</name><send><id>urn:uuid:t</id></send></participant>
      <stream id="urn:uuid:t" session="urn:uuid:s"><label>1</label><mode>mixed</mode></stream>
      <extensiondata id="urn:uuid:e" parent="urn:uuid:s"><broadWorksRecordingMetadata xmlns="http://schema.example" version="3.0"><extTrackingID>44:1</extTrackingID>
      <callType><origCall><callingPartyNumber>+12015550100</callingPartyNumber></origCall></callType></broadWorksRecordingMetadata></extensiondata></recording_metadata>`);
    expect(document.sessions[0]).toMatchObject({ id: "urn:uuid:s", groupId: "urn:uuid:g" });
    expect(document.participants[0]?.names).toEqual([{ aor: "sip:+12015550100@as.example;user=phone", name: "Pat" }]);
    expect(voices(document)).toEqual(["sip:+12015550100@as.example;user=phone 1"]);
    expect(document.extensions.find((one) => one.path.endsWith("/extTrackingID"))?.value).toBe("44:1");
    expect(document.extensions.find((one) => one.path.endsWith("/callingPartyNumber"))?.value).toBe("+12015550100");
  });

  test("Cisco: elements interleaved", () => {
    const [first = "", ...rest] = RFC_7865.split("\n");
    const [open = "", ...inner] = rest.slice(0, -1);
    const interleaved = metadata([first, open, ...inner.filter((line) => /<(participant|stream)/.test(line)).toReversed(), ...inner.filter((line) => !/<(participant|stream)/.test(line)), "</recording>"].join("\n"));
    expect(voices(interleaved).toSorted()).toEqual(["sip:trader1@bank.example 1", "tel:+49301234567 2"]);
    expect(interleaved.sessions[0]?.groupId).toBe("G==");
  });

  test("Ribbon: prefixed names, 1970 dates, aor without a scheme", () => {
    const document = metadata(`<tns:recording xmlns:tns="urn:ietf:params:xml:ns:recording"><tns:datamode>complete</tns:datamode>
      <tns:group tns:group_id="g"><tns:associate-time>1970-01-01T00:00:00Z</tns:associate-time><callData xmlns='urn:x'><gcid>77</gcid><fromhdr>&lt;sip:a@b&gt;</fromhdr></callData></tns:group>
      <tns:session tns:session_id="s"><tns:group-ref>g</tns:group-ref></tns:session>
      <tns:participant tns:participant_id="p"><tns:nameID aor="5551000@10.0.0.1"/></tns:participant>
      <tns:stream tns:stream_id="t" tns:session_id="s"><tns:label>1</tns:label><tns:associate-time>1970-01-01T00:00:00Z</tns:associate-time></tns:stream>
      <tns:participantstreamassoc tns:participant_id="p"><tns:send>t</tns:send></tns:participantstreamassoc></tns:recording>`);
    expect(document.groups[0]?.associatedAt).toBeNull();
    expect(voices(document)).toEqual(["5551000@10.0.0.1 1"]);
    expect(document.extensions.map((one) => [one.owner.id, one.path, one.value])).toEqual([
      ["g", "callData/gcid", "77"],
      ["g", "callData/fromhdr", "<sip:a@b>"],
    ]);
  });

  test("Avaya: an empty stream id is known by its label", () => {
    const document = metadata('<recording><session session_id="0A0B"/><participant participant_id="p"><nameID aor="sip:x@y"/></participant><stream stream_id="" session_id="0A0B"><label>1</label></stream></recording>');
    expect(document.streams).toEqual([{ id: "label:1", sessionId: "0A0B", label: "1", mode: null }]);
  });

  test("AudioCodes: an extension whose prefix is bound to nothing", () => {
    const document = metadata('<recording><session session_id="s"><ac:AvayaUCID>FA080021</ac:AvayaUCID></session></recording>');
    expect(document.extensions[0]).toMatchObject({ path: "AvayaUCID", value: "FA080021" });
    expect(document.problems).toEqual([]);
  });

  test("no association at all: taken by order, and flagged", () => {
    const document = metadata(`<recording><session session_id="s"/><participant participant_id="p1"><nameID aor="sip:a@x"><name>jo;lang=en-US;id=22</name></nameID></participant>
      <participant participant_id="p2"><nameID aor="sip:b@x"/></participant><participant participant_id="p3"><nameID aor="sip:c@x"/></participant>
      <stream stream_id="t1" session_id="s"><label>b_leg</label></stream><stream stream_id="t2" session_id="s"><label>a_leg</label></stream></recording>`);
    expect(voices(document)).toEqual(["sip:a@x b_leg", "sip:b@x a_leg"]);
    expect(document.participantStreamAssociations.every((one) => one.inferred)).toBe(true);
    expect(document.participants[0]?.names[0]?.name).toBe("jo");
  });

  test("what is not well-formed is read and reported", () => {
    const document = metadata('<recording><participant participant_id="p"><nameID aor="sip:a@x"><name>Smith & Sons</name></nameID></participant><stream stream_id="p"><label>1</label></stream></recording>');
    expect(document.participants[0]?.names[0]?.name).toBe("Smith & Sons");
    expect(document.problems.length).toBeGreaterThanOrEqual(2); // the ampersand, and one id for two kinds
    expect(document.problems.at(-1)).toBe("one id for a participant and a stream");
  });

  test("bytes that are not UTF-8 are read as the other encoding that is met", () => {
    const xml = new Uint8Array([...bytes('<recording><participant participant_id="p"><nameID aor="sip:a@x"><name>M'), 0xfc, ...bytes("ller</name></nameID></participant></recording>")]);
    const result = parseRecordingMetadata(xml);
    expect(result.ok && result.value.kind === "metadata" && result.value.participants[0]?.names[0]?.name).toBe("Müller");
  });
});

describe("times", () => {
  test.each([
    ["2026-11-20T09:15:00Z", "2026-11-20T09:15:00.000Z"],
    ["2026-11-20T09:15:00", "2026-11-20T09:15:00.000Z"],
    ["2026-11-20 09:15:00.1239", "2026-11-20T09:15:00.123Z"],
    ["2026-11-20t09:15:00,5z", "2026-11-20T09:15:00.500Z"],
    ["2026-11-20T09:15:00+01:00", "2026-11-20T08:15:00.000Z"],
    ["2026-11-20T09:15:00-0530", "2026-11-20T14:45:00.000Z"],
    ["2026-12-31T23:59:60Z", "2027-01-01T00:00:00.000Z"],
  ])("%s", (input, expected) => {
    expect(parseTime(input)?.toISOString()).toBe(expected);
  });
  test.each(["", "soon", "1970-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-20T09:61:00Z", "2026-11-20"])(
    "%j is none",
    (input) => {
      expect(parseTime(input)).toBeNull();
    },
  );
});

describe("one document after another (RFC 7865 6.1)", () => {
  const known = mergeRecordingMetadata(null, metadata(RFC_7865));
  const partial = (inner: string): RecordingMetadata => metadata(`<recording><datamode>partial</datamode>${inner}</recording>`);
  const at = new Date("2026-11-20T10:00:00Z");

  test("a partial one changes only what it gives", () => {
    const after = mergeRecordingMetadata(known, partial('<session session_id="S=="><stop-time>2026-11-20T09:30:00Z</stop-time></session>'));
    expect(after.sessions).toEqual([{ ...known.sessions[0], stoppedAt: new Date("2026-11-20T09:30:00Z") }]);
    expect(after).toMatchObject({ mode: "complete", participants: known.participants, streams: known.streams });
    expect(voices(after)).toEqual(voices(known));
  });

  test("hold: a participant who no longer sends, and sends again (RFC 8068 3.2)", () => {
    const held = mergeRecordingMetadata(known, partial('<participantstreamassoc participant_id="P1=="><recv>T2==</recv></participantstreamassoc>'));
    expect(voices(held)).toEqual(["tel:+49301234567 2", "sip:trader1@bank.example "]);
    const resumed = mergeRecordingMetadata(held, partial('<participantstreamassoc participant_id="P1=="><send>T1==</send><recv>T2==</recv></participantstreamassoc>'));
    expect(voices(resumed)).toEqual(["tel:+49301234567 2", "sip:trader1@bank.example 1"]);
  });

  test("transfer: who left stays known, with the end", () => {
    const after = mergeRecordingMetadata(
      known,
      partial(`<participant participant_id="P3=="><nameID aor="sip:desk@bank.example"/></participant>
        <participantsessionassoc participant_id="P2==" session_id="S=="><disassociate-time>2026-11-20T09:20:00Z</disassociate-time></participantsessionassoc>
        <participantsessionassoc participant_id="P3==" session_id="S=="><associate-time>2026-11-20T09:20:00Z</associate-time></participantsessionassoc>
        <participantstreamassoc participant_id="P2=="><disassociate-time>2026-11-20T09:20:00Z</disassociate-time></participantstreamassoc>
        <participantstreamassoc participant_id="P3=="><send>T2==</send></participantstreamassoc>`),
    );
    expect(after.participantSessionAssociations.map((one) => [one.participantId, one.disassociatedAt?.toISOString() ?? null])).toEqual([
      ["P1==", null],
      ["P2==", "2026-11-20T09:20:00.000Z"],
      ["P3==", null],
    ]);
    expect(after.participantStreamAssociations.map((one) => [one.participantId, one.sends, one.disassociatedAt !== null])).toEqual([
      ["P1==", ["T1=="], false],
      ["P2==", ["T2=="], true],
      ["P3==", ["T2=="], false],
    ]);
  });

  test("who comes back has no end any more", () => {
    const left = mergeRecordingMetadata(known, partial('<participantsessionassoc participant_id="P2==" session_id="S=="><disassociate-time>2026-11-20T09:20:00Z</disassociate-time></participantsessionassoc>'));
    const back = mergeRecordingMetadata(left, partial('<participantsessionassoc participant_id="P2==" session_id="S=="><associate-time>2026-11-20T09:25:00Z</associate-time></participantsessionassoc>'));
    expect(back.participantSessionAssociations[1]?.disassociatedAt).toBeNull();
  });

  test("a complete one replaces", () => {
    const after = mergeRecordingMetadata(known, metadata('<recording><session session_id="S2"/></recording>'));
    expect([after.sessions.map((one) => one.id), after.participants]).toEqual([["S2"], []]);
  });

  test("with the time it came, what it no longer names is kept and has ended then", () => {
    const after = mergeRecordingMetadata(
      known,
      metadata(`<recording><session session_id="S2"/><participant participant_id="P1=="><nameID aor="sip:trader1@bank.example"/></participant>
        <participantsessionassoc participant_id="P1==" session_id="S2"/><stream stream_id="T1==" session_id="S2"><label>1</label></stream>
        <participantstreamassoc participant_id="P1=="><send>T1==</send></participantstreamassoc></recording>`),
      at,
    );
    expect(after.sessions.map((one) => [one.id, one.stoppedAt])).toEqual([
      ["S2", null],
      ["S==", at],
    ]);
    expect(after.participants.map((one) => [one.id, one.names[0]?.name])).toEqual([
      ["P1==", null], // the new document's word
      ["P2==", null],
    ]);
    expect(after.participantSessionAssociations.map((one) => [one.participantId, one.sessionId, one.disassociatedAt])).toEqual([
      ["P1==", "S2", null],
      ["P1==", "S==", at],
      ["P2==", "S==", at],
    ]);
  });

  test("a guess makes way as soon as somebody says who speaks", () => {
    const guessed = metadata('<recording><participant participant_id="a"><nameID aor="A"/></participant><participant participant_id="b"><nameID aor="B"/></participant><stream stream_id="x"><label>1</label></stream><stream stream_id="y"><label>2</label></stream></recording>');
    expect(voices(guessed)).toEqual(["A 1", "B 2"]);
    const said = mergeRecordingMetadata(guessed, partial('<participantstreamassoc participant_id="a"><send>y</send></participantstreamassoc>'));
    expect(voices(said)).toEqual(["A 2"]);
  });

  test("a guess grows with the people: the callee who is added later gets the second stream", () => {
    const alone = metadata('<recording><participant participant_id="a"><nameID aor="A"/></participant><stream stream_id="x"><label>1</label></stream></recording>');
    const both = mergeRecordingMetadata(alone, partial('<participant participant_id="b"><nameID aor="B"/></participant><stream stream_id="y"><label>2</label></stream>'));
    expect(voices(both)).toEqual(["A 1", "B 2"]);
  });

  test("a partial one that comes first is taken for all there is", () => {
    expect(mergeRecordingMetadata(null, partial('<session session_id="S"/>'))).toMatchObject({ mode: "complete", sessions: [{ id: "S" }] });
  });

  test("merging the same document again changes nothing", () => {
    expect(mergeRecordingMetadata(known, metadata(RFC_7865), at)).toEqual(known);
  });
});

describe("hostile documents", () => {
  test.each([
    ["an entity bomb", '<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><recording>&b;</recording>'],
    ["a DTD from elsewhere", '<!DOCTYPE recording SYSTEM "http://192.0.2.1/x.dtd"><recording/>'],
    ["elements without end", "<a>".repeat(100_000)],
    ["too many attributes", `<recording ${Array.from({ length: 60_000 }, (_, index) => `a${index}="b"`).join(" ")}/>`],
    ["too many elements", `<recording>${"<x/>".repeat(50_000)}</recording>`],
    ["too many mistakes", `<recording>${"</x>".repeat(100_000)}</recording>`],
    ["another root", "<html/>"],
    ["no XML", "v=0"],
    ["nothing", ""],
    ["too much", " ".repeat(1_100_000)],
  ])("%s is refused", (_what, xml) => {
    expect(parseRecordingMetadata(bytes(xml)).ok).toBe(false);
  });

  test("names that JavaScript objects know are names like others", () => {
    const document = metadata('<recording><participant participant_id="__proto__" constructor="x"><nameID aor="toString"/></participant><__proto__ a="1">x</__proto__></recording>');
    expect(document.participants).toEqual([{ id: "__proto__", names: [{ aor: "toString", name: null }] }]);
    expect(document.extensions[0]?.path).toBe("__proto__");
  });

  /** Each was quadratic, or would be if something were looked for once for each of many. 256 KiB are as long as a document may be. */
  test.each([
    ["holders of names", `<participant id="p"><aor>x</aor>${"<nameID>a</nameID>".repeat(14_000)}</participant>`, (one: RecordingMetadata) => one.participants[0]!.names.length, 14_000],
    ["streams of one participant", `<participant id="p">${Array.from({ length: 13_000 }, (_, at) => `<send>${at}</send>`).join("")}</participant>`, (one: RecordingMetadata) => one.participantStreamAssociations[0]!.sends.length, 13_000],
    ["people and their streams", Array.from({ length: 3_500 }, (_, at) => `<participant participant_id="p${at}"><send>s${at}</send></participant>`).join(""), (one: RecordingMetadata) => one.participants.length, 3_500],
    ["words of a name", `<participant id="p"><name>${" a".repeat(120_000)}</name></participant>`, (one: RecordingMetadata) => one.participants[0]!.names[0]!.name!.length, 239_999],
  ])("thousands of %s are read, and bounded where they are kept", (_what, content, countOf, count) => {
    const document = metadata(`<recording>${content}</recording>`);
    expect(countOf(document)).toBe(count);
    const merged = mergeRecordingMetadata(document, { ...document, mode: "partial" }, new Date());
    expect(merged.participants.length).toBeLessThanOrEqual(5_000);
  });

  test("a long name, id or value is never multiplied by many children", () => {
    const many = '<e a="1">x</e>'.repeat(9_000);
    const long = "n".repeat(60_000);
    expect(parseRecordingMetadata(bytes(`<recording><${long}>${many}</${long}></recording>`)).ok).toBe(false);
    const document = metadata(`<recording id="${long}"><session session_id="${long}">${many}</session></recording>`);
    expect([document.sessions, document.extensions.length]).toEqual([[], 1000]);
    expect(JSON.stringify(mergeRecordingMetadata(document, { ...document, mode: "partial" })).length).toBeLessThan(1_000_000);
  });

  test("what is kept of a document does not keep the whole of it in memory", () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const comment = `<!--${"x".repeat(200_000)}-->`;
    const document = (number: number): RecordingMetadata =>
      metadata(`<recording><datamode>partial</datamode>${comment}<participant participant_id="participant-number-${number}"><nameID aor="sip:somebody-${number}@example.com"><name>Somebody number ${number}</name></nameID><vendor:extension-of-theirs attribute-of-theirs="value of attribute ${number}">value ${number}</vendor:extension-of-theirs></participant></recording>`);
    let known = document(0);
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let number = 1; number <= 200; number += 1) known = mergeRecordingMetadata(known, document(number), new Date());
    collect();
    expect(known.participants).toHaveLength(201);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(10_000_000); // the documents are 40 MB
  });

  test("a session that stays up for months does not grow for ever", () => {
    const call = (number: number): RecordingMetadata =>
      metadata(`<recording><session session_id="s${number}"/>${Array.from({ length: 500 }, (_, index) => `<participant participant_id="p${number}-${index}" session="s${number}"><nameID aor="x"/></participant>`).join("")}</recording>`);
    let known = call(0);
    for (let number = 1; number < 15; number += 1) known = mergeRecordingMetadata(known, call(number), new Date());
    expect(known.participants).toHaveLength(5000);
    expect(known.participants[0]?.id).toBe("p14-0");
    expect(known.participants.at(-1)?.id).toBe("p5-499");
  });

  test("a good document with pieces cut out, doubled or garbled is read or refused, and merges", () => {
    const known = metadata(RFC_7865);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(RFC_7865.length), fc.nat(40), fc.constantFrom("", "<", "&", "]]>", "<![CDATA[", '"', "partial", "\0", "<!--", "<participant>", "</session>"))), (edits) => {
        let xml = RFC_7865;
        for (const [from, length, insert] of edits) xml = xml.slice(0, from) + insert + xml.slice(from + length);
        const result = parseRecordingMetadata(bytes(xml));
        if (!result.ok || result.value.kind !== "metadata") return;
        const merged = mergeRecordingMetadata(known, result.value, new Date(0));
        const ids = merged.participants.map((one) => one.id);
        for (const before of known.participants) expect(ids).toContain(before.id);
      }),
      { numRuns: 1000 },
    );
  });
});
