import { describe, expect, test } from "vitest";
import { mintId } from "#ids";
import type { CallFacts, CallParty, Conversation } from "./call.ts";
import type { InteractionState } from "./facts.ts";
import { createLegFollower, decideCall, unknownParties, type LegFact, type LegFollower } from "./legs.ts";

const start = Date.parse("2026-11-20T09:15:00.000Z");
const at = (seconds: number) => new Date(start + seconds * 1000);
const people = new Map(
  ["adele", "bob", "bill", "brian"].map((name) => [`sip:${name}@contoso.example`, { personId: name, displayName: name[0]!.toUpperCase() + name.slice(1), upn: `${name}@contoso.example`, recorded: true }]),
);

function follower(recordAll = false): LegFollower {
  return createLegFollower({
    tenantId: "t",
    recordingId: mintId(at(0)),
    recordingStartMs: start,
    trunk: { trunkId: "trunk", name: "SBC", unknown: recordAll ? "record" : "ignore" },
    sipCallId: "rs@sbc",
    identify: (address) => people.get(address) ?? null,
    mintId,
  });
}

const party = (address: string, more: Partial<CallParty> = {}): CallParty => ({ id: address, name: null, address: address.includes(":") || address.startsWith("+") ? address : `sip:${address}@contoso.example`, joinedAt: null, leftAt: null, sends: [], onHold: false, ...more });
const conversation = (parties: CallParty[], more: Partial<Conversation> = {}): Conversation => ({ id: "s1", chainId: "g1", originalCallId: "orig", sipCallId: null, startedAt: at(0), endedAt: null, parties, ...more });
const facts = (...conversations: Conversation[]): CallFacts => ({ conversations });
const tracks = (label: string) => ({ "1": 1, "2": 2, "3": 3 })[label] ?? null;
const of = (legs: LegFollower, name: string): InteractionState => legs.interactions().findLast((state) => state.user.name === name)!;
const kinds = (happened: LegFact[]) => happened.map((fact) => (fact.kind === "interaction.changed" ? `${fact.change} ${fact.interaction.user.name}` : fact.kind === "call.event" ? fact.event : fact.kind));

describe("who of a call is unknown", () => {
  const identify = (address: string) => people.get(address) ?? null;
  test("is told once each, as the trunk's rules read the address, with the name that the sender gave, wherever it gave it", () => {
    const outside = { address: "sip:0049301234567@pbx", writtenAddress: "sip:0049301234567@pbx" };
    const call = facts(conversation([party("adele"), party("x", outside), party("+17325550142")]), conversation([party("x", { ...outside, name: "Pat" }), party("x", { ...outside, name: "Later" })]));
    expect(unknownParties(call, { identify, addressOf: (written) => written.replace(/^sip:00(\d+)@.*$/, "+$1") })).toEqual([
      { address: "+49301234567", name: "Pat" },
      { address: "+17325550142", name: null },
    ]);
    expect(unknownParties(facts(conversation([party("adele"), party("bob")])), { identify })).toEqual([]);
    expect(unknownParties(facts(), { identify })).toEqual([]);
  });

  test("of a large conference only the first ten", () => {
    const call = facts(conversation(Array.from({ length: 30 }, (_, n) => party(`+4930${n + 100}`))));
    expect(unknownParties(call, { identify }).map(({ address }) => address)).toEqual(Array.from({ length: 10 }, (_, n) => `+4930${n + 100}`));
  });
});

describe("legs of a call", () => {
  test("CAP-15 CAP-17 CAP-26 a call between two recorded people gives two interactions with the same parties and opposite directions", () => {
    const legs = follower();
    const happened = legs.update(facts(conversation([party("adele"), party("bob")])), start, tracks);
    expect(kinds(happened)).toEqual(["opened Adele", "opened Bob"]);
    const [adele, bob] = [of(legs, "Adele"), of(legs, "Bob")];
    expect(adele).toMatchObject({ direction: "Outgoing", callType: "P2P_Internal", sysCallId: "orig", sipCallId: "rs@sbc", releaseCause: null });
    expect(bob.direction).toBe("Incoming");
    expect([bob.calling, bob.called, bob.answering]).toEqual([adele.calling, adele.called, adele.answering]);
    expect(adele.calling).toEqual({ name: "Adele", address: "sip:adele@contoso.example", upn: "adele@contoso.example" });
    expect(adele.interactionId).not.toBe(bob.interactionId);
  });

  test("CAP-17 who called is whom the client says, also where it says so late", () => {
    const legs = follower();
    const known = conversation([party("adele"), party("bob")]);
    legs.update(facts({ ...known, callingPartyId: "bob" }), start, tracks);
    expect([of(legs, "Adele").direction, of(legs, "Bob").direction, of(legs, "Adele").calling?.name, of(legs, "Adele").called?.name]).toEqual(["Incoming", "Outgoing", "Bob", "Adele"]);

    const late = follower();
    late.update(facts(known), start, tracks);
    expect(of(late, "Adele").direction).toBe("Outgoing");
    const happened = late.update(facts({ ...known, callingPartyId: "bob" }), start + 1_000, tracks);
    expect(kinds(happened)).toEqual(["changed Adele", "changed Bob"]);
    expect([of(late, "Adele").direction, of(late, "Bob").calling?.name]).toEqual(["Incoming", "Bob"]);
  });

  test("CAP-15 an outside party has no interaction, unless the trunk records all", () => {
    const call = facts(conversation([party("+17325550142", { name: "Pat" }), party("adele")]));
    const closed = follower();
    closed.update(call, start, tracks);
    expect(closed.interactions().map((state) => state.user.name)).toEqual(["Adele"]);
    expect(of(closed, "Adele")).toMatchObject({ callType: "P2P_PSTN", direction: "Incoming", calling: { name: "Pat", address: "+17325550142", upn: null } });
    const open = follower(true);
    open.update(call, start, tracks);
    expect(open.interactions().map((state) => state.user.name)).toEqual(["Pat", "Adele"]);
  });

  test("CAP-75 addresses are what the trunk's rules make of them as they were written: the person is found, and the interaction says it so", () => {
    const bill = { personId: "bill", displayName: "Bill", upn: "bill@contoso.example", recorded: true };
    const context = { identify: (address: string) => (address === "+49301234" ? bill : null), addressOf: (written: string) => written.replace(/^sip:0(\d+)@.*$/, "+49$1") };
    const call = facts(conversation([party("sip:0301234@sbc", { writtenAddress: "sip:0301234@sbc" }), party("sip:0405555@sbc", { writtenAddress: "sip:0405555@sbc" })]));
    expect(decideCall({ name: "SBC", unknown: "ignore" }, call, context)).toMatchObject({ record: true, recordedPartyIds: ["+49301234"] });
    const legs = createLegFollower({ tenantId: "t", recordingId: mintId(at(0)), recordingStartMs: start, trunk: { trunkId: "trunk", name: "SBC", unknown: "ignore" }, sipCallId: "rs@sbc", mintId, ...context });
    legs.update(call, start, tracks);
    expect(legs.interactions()).toMatchObject([{ personId: "bill", user: { name: "Bill", address: "+49301234" }, called: { address: "+49405555" }, callType: "P2P_PSTN" }]);
    expect(legs.update(call, start + 1_000, tracks), "said again, nothing happens").toEqual([]);
  });

  test("CAP-23 CAP-29 who is in two conversations is held in the one and speaks in the other: said once, not at every update", () => {
    const legs = follower();
    const two = (): CallFacts => facts(conversation([party("adele", { onHold: true }), party("bob")]), conversation([party("adele", { sends: ["1"] }), party("brian")], { id: "s2" }));
    expect(kinds(legs.update(two(), start, tracks))).toContain("hold");
    expect(legs.update(two(), start + 1_000, tracks)).toEqual([]);
    expect(legs.update(two(), start + 2_000, tracks)).toEqual([]);
    expect(kinds(legs.update(facts(conversation([party("adele"), party("bob")])), start + 3_000, tracks))).toContain("retrieve");
  });

  test("CAP-26 CAP-29 a party that gets another name has it everywhere from then on", () => {
    const legs = follower(true);
    legs.update(facts(conversation([party("+17325550142", { name: "Wireless Caller" }), party("adele")])), start, tracks);
    const happened = legs.update(facts(conversation([party("+17325550142", { name: "Pat" }), party("adele")])), start + 1_000, tracks);
    expect(kinds(happened)).toEqual(["changed Pat", "changed Adele"]);
    expect(of(legs, "Adele").participants.map(({ name }) => name)).toEqual(["Pat", "Adele"]);
    expect(of(legs, "Pat").user).toEqual({ name: "Pat", address: "+17325550142", upn: null });
  });

  test("CAP-14 an interaction says Recording only after audio is on disk", () => {
    const legs = follower();
    legs.update(facts(conversation([party("adele"), party("bob")])), start, tracks);
    expect(of(legs, "Adele").mediaStatus).toBe("Pending");
    expect(kinds(legs.audioArrived(start + 300))).toEqual(["changed Adele", "changed Bob"]);
    expect(of(legs, "Adele").mediaStatus).toBe("Recording");
    expect(legs.audioArrived(start + 400)).toEqual([]);
  });

  test("CAP-20 CAP-22 start is the sender's, answer is when both are associated; CAP-19 after the end it is Pending", () => {
    const legs = follower();
    const caller = party("adele", { joinedAt: at(-18.53) });
    legs.update(facts(conversation([caller], { startedAt: at(-18.53) })), start - 18_000, tracks);
    expect(of(legs, "Adele").answeredAtMs).toBeNull();
    legs.update(facts(conversation([caller, party("bob", { joinedAt: at(0.62) })], { startedAt: at(-18.53) })), start + 700, tracks);
    expect(of(legs, "Adele")).toMatchObject({ startedAtMs: start - 18_530, answeredAtMs: start + 620, called: { name: "Bob" } });
    legs.end("released", start + 60_000);
    expect(of(legs, "Adele")).toMatchObject({ releasedAtMs: start + 60_000, releaseCause: "Normal", mediaStatus: "Pending", toMs: 60_000 });
  });

  test("CAP-20 times of a sender with a wild clock are replaced by times of arrival", () => {
    const legs = follower();
    legs.update(facts(conversation([party("adele", { joinedAt: new Date(0) }), party("bob", { joinedAt: at(86_400) })], { startedAt: new Date(0) })), start + 5, tracks);
    expect(of(legs, "Adele")).toMatchObject({ startedAtMs: start + 5, answeredAtMs: start + 5 });
  });

  test("CAP-18 CAP-28 Bob talks with Brian and hands the call to Bill on the same stream", () => {
    const legs = follower();
    const brian = party("brian", { sends: ["1"] });
    legs.update(facts(conversation([brian, party("bob", { sends: ["2"] })])), start, tracks);
    const happened = legs.update(facts(conversation([brian, party("bob", { leftAt: at(30) }), party("bill", { joinedAt: at(30), sends: ["2"] })])), start + 30_100, tracks);
    expect(kinds(happened)).toEqual(["leave", "released Bob", "join", "changed Bob", "transfer", "opened Bill", "changed Brian", "speaker.assigned"]);
    expect(of(legs, "Bob")).toMatchObject({ releaseCause: "Transferred", transferredTo: { name: "Bill" }, releasedAtMs: start + 30_000, toMs: 30_100 });
    expect(of(legs, "Bill")).toMatchObject({ transferredBy: { name: "Bob" }, startedAtMs: start + 30_000, fromMs: 30_100, releaseCause: null });
    expect(of(legs, "Brian")).toMatchObject({ releaseCause: null, toMs: null });
    expect(happened.at(-1)).toMatchObject({ sourceTrack: 2, name: "Bill", fromMs: 30_100 });
  });

  test("CAP-28 a transfer by REFER: a new session of the same group goes on with the same interaction of who stayed", () => {
    const legs = follower();
    legs.update(facts(conversation([party("brian"), party("bob")])), start, tracks);
    legs.update(
      facts(conversation([party("brian"), party("bob")], { endedAt: at(20) }), conversation([party("brian"), party("bill")], { id: "s2", startedAt: at(20) })),
      start + 20_000,
      tracks,
    );
    expect(legs.interactions().map((state) => state.user.name)).toEqual(["Brian", "Bob", "Bill"]);
    expect(of(legs, "Bob").releaseCause).toBe("Transferred");
    expect(of(legs, "Brian").releasedAtMs).toBeNull();
    expect(of(legs, "Bill").transferredBy?.name).toBe("Bob");
  });

  test("CAP-29 participants are all parties that ever were in the call", () => {
    const legs = follower();
    legs.update(facts(conversation([party("adele"), party("bob")])), start, tracks);
    legs.update(facts(conversation([party("adele"), party("bob"), party("+4930123456", { name: "Guest" })])), start + 9_000, tracks);
    expect(of(legs, "Bob").participants.map((one) => one.name)).toEqual(["Adele", "Bob", "Guest"]);
  });

  test("CAP-17 CAP-26 a call that begins with three people is a conference: no direction, answered by Conference", () => {
    const legs = follower();
    legs.update(facts(conversation([party("adele"), party("bob"), party("bill")])), start, tracks);
    expect(of(legs, "Bob")).toMatchObject({ direction: "None", callType: "Conference_Internal", answering: { name: "Conference" } });
  });

  test("CAP-18 nobody answered: Abandoned for who called, Missed for who was called; a fault is a Failure", () => {
    const caller = follower();
    caller.update(facts(conversation([party("adele")])), start, tracks);
    caller.end("released", start + 9_000);
    expect(of(caller, "Adele")).toMatchObject({ releaseCause: "Abandoned", answeredAtMs: null });
    const broken = follower();
    broken.update(facts(conversation([party("adele"), party("bob")])), start, tracks);
    broken.end("fault", start + 9_000);
    expect(of(broken, "Bob").releaseCause).toBe("Failure");
    expect(broken.end("released", start + 10_000)).toEqual([]);
  });

  test("a person who leaves and comes back gets an interaction for each attendance", () => {
    const legs = follower();
    legs.update(facts(conversation([party("adele"), party("bob"), party("bill")])), start, tracks);
    legs.update(facts(conversation([party("adele"), party("bob"), party("bill", { leftAt: at(5) })])), start + 5_000, tracks);
    legs.update(facts(conversation([party("adele"), party("bob"), party("bill")])), start + 60_000, tracks);
    const bills = legs.interactions().filter((state) => state.user.name === "Bill");
    expect(bills.map((state) => [state.fromMs, state.toMs])).toEqual([[0, 5_000], [60_000, null]]);
    expect(bills[0]!.releaseCause).toBe("Normal");
  });

  test("hold and retrieve are events, and do not end anything", () => {
    const legs = follower();
    legs.update(facts(conversation([party("adele"), party("bob")])), start, tracks);
    expect(kinds(legs.update(facts(conversation([party("adele"), party("bob", { onHold: true })])), start + 5_000, tracks))).toEqual(["hold"]);
    expect(kinds(legs.update(facts(conversation([party("adele"), party("bob")])), start + 9_000, tracks))).toEqual(["retrieve"]);
    expect(of(legs, "Bob").releasedAtMs).toBeNull();
  });

  test("the same facts again change nothing", () => {
    const legs = follower();
    const call = facts(conversation([party("adele", { sends: ["1"] }), party("bob", { sends: ["2"] })]));
    legs.update(call, start, tracks);
    expect(legs.update(call, start + 1_000, tracks)).toEqual([]);
  });
});
