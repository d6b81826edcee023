import { mergeRecordingMetadata, parseRecordingMetadata } from "@earwitness/media";
import type { RecordingMetadata } from "@earwitness/media";
import { describe, expect, test } from "vitest";
import type { CallFacts } from "#recorder";
import { describeCall } from "./facts.ts";
import { partial, twoPeople } from "./test-client.ts";

const address = (uri: string, displayName = "") => ({ uri, displayName, params: new Map() });
const invite = { callId: "rs-1", from: address("sip:Ann@client.example:5070;user=ip", "Ann"), to: address("tel:+49 30 1234567") };
const at = (minute: number): Date => new Date(Date.UTC(2026, 10, 20, 9, minute));

/** Plays documents one after the other, as a session receives them. */
function play(documents: readonly string[], labels: readonly string[] = ["1", "2"]): CallFacts[] {
  let metadata: RecordingMetadata | null = null;
  let before: CallFacts | null = null;
  return documents.map((document, index) => {
    const parsed = parseRecordingMetadata(new TextEncoder().encode(document));
    if (!parsed.ok || parsed.value.kind !== "metadata") throw new Error("not metadata");
    metadata = mergeRecordingMetadata(metadata, parsed.value, at(15 + index));
    before = describeCall({ metadata, labels, invite, before, at: at(15 + index) });
    return before;
  });
}

const complete = (content: string): string => `<recording xmlns="urn:ietf:params:xml:ns:recording:1"><datamode>complete</datamode>${content}</recording>`;
/** Who there is, who has left, who sends what, who is on hold: one line per party. */
const parties = (facts: CallFacts, conversation = 0): string[] =>
  facts.conversations[conversation]!.parties.map(({ id, leftAt, sends, onHold }) => `${id}${sends.length > 0 ? ` on ${sends.join("+")}` : ""}${onHold ? " held" : ""}${leftAt === null ? "" : " left"}`);

describe("start", () => {
  test("session, group, RFC 7989 id without its remote half, names and normalized addresses", () => {
    const [facts] = play([twoPeople]);
    expect(facts).toEqual({
      conversations: [
        {
          id: "s1",
          chainId: "g1",
          originalCallId: "8c0a70a7a84547f9953a5154281fa6f5",
          sipCallId: null,
          startedAt: at(15),
          endedAt: null,
          parties: [
            { id: "p1", name: "Trader One", address: "sip:trader1@bank.example", writtenAddress: expect.any(String), joinedAt: at(15), leftAt: null, sends: ["1"], onHold: false },
            { id: "p2", name: null, address: "+49301234567", writtenAddress: expect.any(String), joinedAt: at(15), leftAt: null, sends: ["2"], onHold: false },
          ],
        },
      ],
    });
  });

  test("without metadata From and To are the parties; one stream carries both", () => {
    const facts = describeCall({ metadata: null, labels: ["m0", "m1"], invite, before: null, at: at(15) });
    expect(facts.conversations[0]).toMatchObject({ id: "rs-1", parties: [{ name: "Ann", address: "sip:ann@client.example", sends: ["m0"] }, { name: null, address: "+49301234567", sends: ["m1"] }] });
    expect(parties(describeCall({ metadata: null, labels: ["m0"], invite, before: null, at: at(15) }))).toEqual(["from on m0", "to on m0"]);
  });

  test("a nil or missing session id is no original call id", () => {
    const withId = (value: string): string => twoPeople.replace(/<sipSessionID>.*<\/sipSessionID>/, value);
    const ids = [`<sipSessionID>${"0".repeat(32)};remote=0db317d94c8e4fa3969a73bf4c83cf3b</sipSessionID>`, "", "<sipSessionID>nonsense</sipSessionID>"].map((value) => play([withId(value)])[0]!.conversations[0]!.originalCallId);
    expect(ids).toEqual([null, null, null]);
  });

  test("the Call-ID of the recorded call, where a vendor names it", () => {
    const named = twoPeople.replace('<group group_id="g1"/>', '<group group_id="g1"><callData xmlns="urn:ietf:params:xml:ns:callData"><callid>abc@core</callid></callData></group>');
    expect(play([named])[0]!.conversations[0]!.sipCallId).toBe("abc@core");
  });

  test("a party without an address is anonymous", () => {
    expect(play([twoPeople.replace(/<nameID aor="tel[^>]*>/, "")])[0]!.conversations[0]!.parties[1]!.address).toBe("sip:anonymous@anonymous.invalid");
  });
});

describe("during the call", () => {
  test("hold: the association loses send; resume: it is back", () => {
    const hold = partial('<participantstreamassoc participant_id="p2"><recv>t1</recv></participantstreamassoc>');
    const idle = partial('<participantstreamassoc participant_id="p2"/>');
    const resume = partial('<participantstreamassoc participant_id="p2"><send>t2</send><recv>t1</recv></participantstreamassoc>');
    expect(play([twoPeople, hold, idle, resume]).map((facts) => parties(facts)[1])).toEqual(["p2 on 2", "p2 held", "p2 held", "p2 on 2"]);
  });

  test("who never sent only listens and is not on hold", () => {
    const supervisor = partial('<participant participant_id="p3"><nameID aor="sip:chief@bank.example"/></participant><participantsessionassoc participant_id="p3" session_id="s1"/><participantstreamassoc participant_id="p3"><recv>t1</recv></participantstreamassoc>');
    expect(parties(play([twoPeople, supervisor])[1]!)).toEqual(["p1 on 1", "p2 on 2", "p3"]);
  });

  test("transfer by re-INVITE: the new party takes the stream, the old one has left", () => {
    const transfer = partial(`<participant participant_id="p3"><nameID aor="tel:+4940555666"/></participant>
      <participantsessionassoc participant_id="p2" session_id="s1"><disassociate-time>2026-11-20T09:16:00Z</disassociate-time></participantsessionassoc>
      <participantsessionassoc participant_id="p3" session_id="s1"><associate-time>2026-11-20T09:16:00Z</associate-time></participantsessionassoc>
      <participantstreamassoc participant_id="p2"><disassociate-time>2026-11-20T09:16:00Z</disassociate-time></participantstreamassoc>
      <participantstreamassoc participant_id="p3"><send>t2</send><recv>t1</recv></participantstreamassoc>`);
    const [, facts] = play([twoPeople, transfer]);
    expect(parties(facts!)).toEqual(["p1 on 1", "p2 left", "p3 on 2"]);
    const [, old, joined] = facts!.conversations[0]!.parties;
    expect([old!.leftAt, joined!.joinedAt, joined!.address]).toEqual([at(16), at(16), "+4940555666"]);
  });

  test("transfer by REFER: a new session of the same group, the old one has stopped", () => {
    const refer = partial(`<session session_id="s1"><stop-time>2026-11-20T09:16:00Z</stop-time></session>
      <session session_id="s2"><group-ref>g1</group-ref><start-time>2026-11-20T09:16:00Z</start-time></session>
      <participant participant_id="p3"><nameID aor="tel:+4940555666"/></participant>
      <stream stream_id="t3" session_id="s2"><label>3</label></stream>
      <participantsessionassoc participant_id="p2" session_id="s2"/><participantsessionassoc participant_id="p3" session_id="s2"/>
      <participantstreamassoc participant_id="p3"><send>t3</send></participantstreamassoc>`);
    const [, facts] = play([twoPeople, refer], ["1", "2", "3"]);
    expect(facts!.conversations.map(({ id, chainId, startedAt, endedAt }) => ({ id, chainId, startedAt, endedAt }))).toEqual([
      { id: "s1", chainId: "g1", startedAt: at(15), endedAt: at(16) },
      { id: "s2", chainId: "g1", startedAt: at(16), endedAt: null },
    ]);
    expect(parties(facts!, 1)).toEqual(["p2", "p3 on 3"]);
    expect(parties(facts!, 0)).toEqual(["p1 on 1 left", "p2 on 2 left"]);
  });

  test("conference: more parties, and one mixed stream that carries them all", () => {
    const merge = partial(`<participant participant_id="p3"><nameID aor="sip:third@bank.example"/></participant><participantsessionassoc participant_id="p3" session_id="s1"/>
      ${["p1", "p2", "p3"].map((id) => `<participantstreamassoc participant_id="${id}"><send>t1</send></participantstreamassoc>`).join("")}`);
    expect(parties(play([twoPeople, merge])[1]!)).toEqual(["p1 on 1", "p2 on 1", "p3 on 1"]);
  });

  test("a persistent session: calls come and go inside it, and none is forgotten", () => {
    const call = (n: number): string =>
      complete(`<session session_id="c${n}"/><participant participant_id="a${n}"><nameID aor="sip:a${n}@bank.example"/></participant>
        <stream stream_id="t${n}" session_id="c${n}"><label>1</label></stream><participantsessionassoc participant_id="a${n}" session_id="c${n}"/>
        <participantstreamassoc participant_id="a${n}"><send>t${n}</send></participantstreamassoc>`);
    const [first, second, third] = play([call(1), call(2), call(3)]);
    const ended = (facts: CallFacts): Record<string, Date | null> => Object.fromEntries(facts.conversations.map(({ id, endedAt }) => [id, endedAt]));
    expect(ended(first!)).toEqual({ c1: null });
    expect(ended(second!)).toEqual({ c1: at(16), c2: null });
    expect(ended(third!)).toEqual({ c1: at(16), c2: at(17), c3: null });
  });

  test("metadata that comes late ends what stood in for it", () => {
    const standIn = describeCall({ metadata: null, labels: ["1", "2"], invite, before: null, at: at(15) });
    const parsed = parseRecordingMetadata(new TextEncoder().encode(twoPeople));
    if (!parsed.ok || parsed.value.kind !== "metadata") throw new Error("not metadata");
    const facts = describeCall({ metadata: parsed.value, labels: ["1", "2"], invite, before: standIn, at: at(16) });
    expect(facts.conversations.map(({ id, endedAt }) => [id, endedAt])).toEqual([
      ["s1", null],
      ["rs-1", at(16)],
    ]);
  });
});

describe("what clients leave out", () => {
  const people = '<participant participant_id="p1"><nameID aor="sip:a@b.example"/></participant><participant participant_id="p2"><nameID aor="sip:c@d.example"/></participant>';

  test("no stream associations: the first party is on the first label", () => {
    expect(parties(play([complete(`<session session_id="s1"/>${people}<stream stream_id="x" session_id="s1"><label>1</label></stream><stream stream_id="y" session_id="s1"><label>2</label></stream>`)])[0]!)).toEqual(["p1 on 1", "p2 on 2"]);
  });

  test("no streams at all: the first party is on the first line", () => {
    expect(parties(play([complete(`<session session_id="s1"/>${people}`)], ["m0", "m1"])[0]!)).toEqual(["p1 on m0", "p2 on m1"]);
  });

  test("labels in metadata, none in SDP: by place", () => {
    expect(parties(play([twoPeople], ["m0", "m1"])[0]!)).toEqual(["p1 on m0", "p2 on m1"]);
  });

  test("no session: the recording session is the conversation", () => {
    const [facts] = play([complete(people)]);
    expect(facts!.conversations).toMatchObject([{ id: "rs-1", chainId: null }]);
    expect(facts!.conversations[0]!.parties).toHaveLength(2);
  });

  test("associations with people and streams nobody described are passed over", () => {
    const [facts] = play([twoPeople.replace("</recording>", '<participantsessionassoc participant_id="ghost" session_id="s1"/><participantstreamassoc participant_id="p1"><send>nowhere</send></participantstreamassoc></recording>')]);
    expect(parties(facts!)).toEqual(["p1 on 1", "p2 on 2"]);
  });
});
