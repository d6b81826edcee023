/**
 * Follows who is in a call and turns it into legs: one interaction per recorded person (CAP-15), with caller, called,
 * times, direction, transfer and release cause. Pure apart from its own state: facts in, facts out.
 *
 * What the sender says about times is used where it is plausible, because only it knows when the phone began to ring;
 * where it is not (missing, 1970, a clock minutes off), the time of arrival stands in.
 */
import type { CallType, Direction, Party, ReleaseCause, UnknownParty } from "@earwitness/contract";
import { decide, type Decision, type PolicyTrunk } from "#policy";
import type { CallFacts, CallParty, Conversation, EndCause } from "./call.ts";
import type { CallEventHappened, InteractionChanged, InteractionState, SpeakerAssigned } from "./facts.ts";

/** How far back a call may say that it began to ring. */
const ringLimitMs = 10 * 60_000;
/** How much the sender's clock may be ahead of ours, or a release be reported late. */
const clockSlackMs = 2_000;
/** Leave and join this close together are one transfer. */
const transferWindowMs = 10_000;

export interface KnownPerson {
  readonly personId: string;
  readonly displayName: string;
  readonly upn: string;
  readonly recorded: boolean;
}

export interface LegContext {
  readonly tenantId: string;
  readonly recordingId: string;
  readonly recordingStartMs: number;
  readonly trunk: PolicyTrunk & { readonly trunkId: string };
  readonly sipCallId: string;
  identify(address: string): KnownPerson | null;
  /** What the trunk's rules make of an address as its sender wrote it; absent: nothing. */
  addressOf?(written: string): string;
  mintId(at: Date): string;
}

export type LegFact = InteractionChanged | CallEventHappened | SpeakerAssigned;

interface Leg {
  state: InteractionState;
  readonly address: string;
  open: boolean;
}

/** Conversations tied by a transfer or consultation, seen as one call. */
interface Chain {
  readonly key: string;
  readonly seen: Party[];
  present: Set<string>;
  readonly legs: Leg[];
  readonly startedAtMs: number;
  answeredAtMs: number | null;
  readonly conference: boolean;
  /** Address of who called, once the client has said so. */
  caller: string | null;
  lastLeft: { readonly address: string; readonly atMs: number } | null;
}

export interface LegFollower {
  /** The new whole of what is known; answers what changed. */
  update(facts: CallFacts, atMs: number, sourceTrackOf: (label: string) => number | null): LegFact[];
  /** The call is over: every open leg gets its release. */
  end(cause: EndCause, atMs: number): LegFact[];
  /** Says of every interaction that its first audio is on disk: only now does it read `Recording`. */
  audioArrived(atMs: number): LegFact[];
  interactions(): InteractionState[];
  /** Number of the speaker's track that this wire track carries now; null before anybody is assigned to it. */
  speakerOn(sourceTrack: number): number | null;
}

/** The decision for the whole of a call, before anything of it is recorded. */
export function decideCall(trunk: PolicyTrunk, facts: CallFacts, { identify, addressOf }: Pick<LegContext, "identify" | "addressOf">): Decision {
  const addresses = new Set(withAddresses(facts, addressOf).conversations.flatMap((conversation) => conversation.parties.map((party) => party.address)));
  return decide(trunk, [...addresses].map((address) => ({ id: address, address, person: identify(address) })));
}

/** More is no call that somebody looks through for the person to add. */
const mostUnknown = 10;

/** Who of the call nobody knows, each address once, with the name that the sender gives them. */
export function unknownParties(facts: CallFacts, { identify, addressOf }: Pick<LegContext, "identify" | "addressOf">): UnknownParty[] {
  const found = new Map<string, UnknownParty>();
  for (const { address, name } of withAddresses(facts, addressOf).conversations.flatMap(({ parties }) => parties)) {
    if (identify(address) === null) found.set(address, { address, name: found.get(address)?.name ?? name });
  }
  return [...found.values()].slice(0, mostUnknown);
}

/** The facts with every party's address as the trunk's rules have it; it is what interactions and people are found by. */
function withAddresses(facts: CallFacts, addressOf: LegContext["addressOf"]): CallFacts {
  if (addressOf === undefined) return facts;
  const address = (party: CallParty) => (party.writtenAddress === undefined ? party.address : addressOf(party.writtenAddress));
  return { conversations: facts.conversations.map((conversation) => ({ ...conversation, parties: conversation.parties.map((party) => ({ ...party, address: address(party) })) })) };
}

export function createLegFollower(context: LegContext): LegFollower {
  const { tenantId, recordingId, recordingStartMs, trunk } = context;
  const chains = new Map<string, Chain>();
  /** By label: who speaks there now. */
  const speakers = new Map<string, string>();
  const speakerTracks = new Map<string, number>();
  const speaking = new Map<number, number>();
  const held = new Set<string>();
  let lastFacts: CallFacts = { conversations: [] };
  let eventSeq = 0;
  let audible = false;

  const mediaMs = (atMs: number) => Math.max(0, Math.round(atMs - recordingStartMs));
  const of = (atMs: number) => ({ tenantId, recordingId, atMs });

  function partyOf(party: { address: string; name: string | null }): Party {
    const person = context.identify(party.address);
    return { name: person?.displayName ?? party.name, address: party.address, upn: person?.upn ?? null };
  }

  const changed = (change: InteractionChanged["change"], leg: Leg, atMs: number): InteractionChanged => ({
    kind: "interaction.changed",
    ...of(atMs),
    change,
    interaction: leg.state,
  });

  function event(kind: CallEventHappened["event"], atMs: number, party: Party, text: string): CallEventHappened {
    eventSeq += 1;
    return { kind: "call.event", ...of(atMs), seq: eventSeq, mediaMs: mediaMs(atMs), event: kind, participant: party.address, text };
  }

  function updateChain(key: string, conversations: readonly Conversation[], atMs: number): LegFact[] {
    const facts: LegFact[] = [];
    const live = conversations.filter((conversation) => conversation.endedAt === null);
    const here = new Map<string, CallParty>();
    for (const party of live.flatMap((conversation) => conversation.parties)) {
      if (party.leftAt === null && !here.has(party.address)) here.set(party.address, party);
    }

    let chain = chains.get(key);
    const isNew = chain === undefined;
    if (chain === undefined) {
      if (here.size === 0) return [];
      chain = {
        key,
        seen: [],
        present: new Set(),
        legs: [],
        startedAtMs: plausible(conversations[0]?.startedAt, atMs - ringLimitMs, atMs + clockSlackMs, atMs),
        answeredAtMs: null,
        conference: here.size > 2,
        caller: null,
        lastLeft: null,
      };
      chains.set(key, chain);
    }

    const joined = [...here.values()].filter((party) => !chain.present.has(party.address));
    const left = [...chain.present].filter((address) => !here.has(address));
    for (const party of joined) {
      const known = chain.seen.findIndex((seen) => seen.address === party.address);
      if (known === -1) chain.seen.push(partyOf(party));
    }
    for (const party of here.values()) {
      const seen = chain.seen.findIndex((known) => known.address === party.address);
      if (party.name !== null) chain.seen[seen] = partyOf(party); // the name that came last: a number often gets its name late
    }
    chain.caller ??= callerOf(conversations);
    const partyAt = (address: string): Party => chain.seen.find((seen) => seen.address === address)!;
    if (chain.answeredAtMs === null && here.size >= 2) {
      const associated = Math.max(...[...here.values()].slice(0, 2).map((party) => party.joinedAt?.getTime() ?? Number.NEGATIVE_INFINITY));
      chain.answeredAtMs = plausible(new Date(associated), chain.startedAtMs, atMs + clockSlackMs, isNew ? Math.max(atMs, chain.startedAtMs) : atMs);
    }
    chain.present = new Set(here.keys());

    // Who passed the call to whom, where somebody went and somebody else came.
    const from = left[0] ?? (chain.lastLeft !== null && atMs - chain.lastLeft.atMs <= transferWindowMs ? chain.lastLeft.address : null);
    const to = joined.find((party) => party.address !== from)?.address ?? null;
    const transfer = !isNew && from !== null && to !== null && here.size >= 2 ? { from: partyAt(from), to: partyAt(to) } : null;

    for (const address of left) {
      const leg = chain.legs.find((candidate) => candidate.address === address && candidate.open);
      const leaver = conversations.flatMap((conversation) => conversation.parties).find((party) => party.address === address && party.leftAt !== null);
      const ended = conversations.find((conversation) => conversation.endedAt !== null && conversation.parties.some((party) => party.address === address));
      const leftAtMs = plausible(leaver?.leftAt ?? ended?.endedAt, atMs - transferWindowMs, atMs + clockSlackMs, atMs);
      facts.push(event("leave", atMs, partyAt(address), `${labelOf(partyAt(address))} left`));
      if (leg !== undefined) {
        release(leg, leftAtMs, atMs, "Normal");
        facts.push(changed("released", leg, atMs));
      }
    }
    if (left.length > 0) chain.lastLeft = { address: left.at(-1)!, atMs };

    for (const party of joined) {
      if (!isNew) facts.push(event("join", atMs, partyAt(party.address), `${labelOf(partyAt(party.address))} joined`));
    }
    if (transfer !== null) {
      const leg = chain.legs.findLast((candidate) => candidate.address === transfer.from.address && !candidate.open);
      if (leg !== undefined) {
        leg.state = { ...leg.state, releaseCause: "Transferred", transferredTo: transfer.to };
        facts.push(changed("changed", leg, atMs));
      }
      chain.lastLeft = null;
      facts.push(event("transfer", atMs, transfer.to, `${labelOf(transfer.from)} transferred the call to ${labelOf(transfer.to)}`));
    }

    const decision = decide(trunk, chain.seen.map((party) => ({ id: party.address, address: party.address, person: context.identify(party.address) })));
    for (const party of joined.filter((candidate) => decision.recordedPartyIds.includes(candidate.address))) {
      const leg = openLeg(chain, party, conversations, isNew, decision, atMs);
      if (transfer !== null && party.address === transfer.to.address) leg.state = { ...leg.state, transferredBy: transfer.from };
      facts.push(changed("opened", leg, atMs));
    }
    for (const leg of chain.legs.filter((candidate) => candidate.open)) {
      const next = { ...leg.state, user: userOf(partyAt(leg.address)), ...sharedFields(chain, leg.address) };
      if (JSON.stringify(next) !== JSON.stringify(leg.state)) {
        leg.state = next;
        if (!facts.some((fact) => fact.kind === "interaction.changed" && fact.interaction.interactionId === next.interactionId)) {
          facts.push(changed("changed", leg, atMs));
        }
      }
    }
    // A fact made before the shared fields were settled must carry them too.
    return facts.map((fact) =>
      fact.kind === "interaction.changed"
        ? { ...fact, interaction: chain.legs.find((leg) => leg.state.interactionId === fact.interaction.interactionId)!.state }
        : fact,
    );
  }

  function sharedFields(chain: Chain, address: string): Pick<InteractionState, "participants" | "calling" | "called" | "answering" | "answeredAtMs" | "callType" | "direction"> {
    const calling = callingOf(chain);
    const called = chain.seen.find((party) => party !== calling) ?? null;
    const late = chain.legs.find((leg) => leg.address === address && leg.open)?.state;
    return {
      participants: [...chain.seen],
      calling,
      called,
      answering: chain.conference ? { name: "Conference", address: "", upn: null } : chain.answeredAtMs === null ? null : called,
      answeredAtMs: late?.answeredAtMs ?? chain.answeredAtMs,
      callType: callTypeOf(chain),
      direction: directionOf(chain, address),
    };
  }

  function openLeg(chain: Chain, party: CallParty, conversations: readonly Conversation[], isNew: boolean, decision: Decision, atMs: number): Leg {
    const startedAtMs = isNew ? chain.startedAtMs : plausible(party.joinedAt, atMs - ringLimitMs, atMs + clockSlackMs, atMs);
    const person = context.identify(party.address);
    const conversation = conversations.find((candidate) => candidate.parties.some((other) => other.address === party.address)) ?? conversations[0]!;
    const state: InteractionState = {
      interactionId: context.mintId(new Date(startedAtMs)),
      personId: person?.personId ?? null,
      trunkId: trunk.trunkId,
      user: userOf(partyOf(party)),
      mediaStatus: audible ? "Recording" : "Pending",
      startedAtMs,
      releasedAtMs: null,
      releaseCause: null,
      transferredBy: null,
      transferredTo: null,
      sipCallId: conversation.sipCallId ?? context.sipCallId,
      sysCallId: conversation.originalCallId ?? conversation.chainId,
      chainId: conversation.chainId,
      hasGaps: false,
      decision: { record: decision.record, reasons: decision.reasons.filter((reason) => reason.includes(party.address)), ruleVersion: decision.ruleVersion },
      fromMs: isNew ? 0 : mediaMs(atMs),
      toMs: null,
      ...sharedFields(chain, party.address),
      answeredAtMs: isNew ? chain.answeredAtMs : startedAtMs,
    };
    const leg = { state, address: party.address, open: true };
    chain.legs.push(leg);
    return leg;
  }

  function release(leg: Leg, releasedAtMs: number, atMs: number, whenAnswered: ReleaseCause): void {
    const answered = leg.state.answeredAtMs;
    leg.open = false;
    leg.state = {
      ...leg.state,
      mediaStatus: "Pending",
      releasedAtMs: Math.max(releasedAtMs, answered ?? leg.state.startedAtMs),
      releaseCause: answered === null && whenAnswered === "Normal" ? unanswered(leg.state.direction) : whenAnswered,
      toMs: mediaMs(atMs),
    };
  }

  function assignSpeakers(facts: CallFacts, atMs: number, sourceTrackOf: (label: string) => number | null): SpeakerAssigned[] {
    const talking = new Map<string, CallParty[]>();
    for (const conversation of facts.conversations.filter((candidate) => candidate.endedAt === null)) {
      for (const party of conversation.parties.filter((candidate) => candidate.leftAt === null)) {
        for (const label of party.sends) talking.set(label, [...(talking.get(label) ?? []), party]);
      }
    }
    const assigned: SpeakerAssigned[] = [];
    for (const [label, parties] of talking) {
      const sourceTrack = sourceTrackOf(label);
      if (sourceTrack === null) continue;
      const unique = [...new Map(parties.map((party) => [party.address, partyOf(party)])).values()];
      const name = unique.map(labelOf).join(" + ");
      const address = unique.map((party) => party.address).join(" ");
      if (speakers.get(label) === `${address}\n${name}`) continue;
      const first = !speakers.has(label);
      speakers.set(label, `${address}\n${name}`);
      const key = `${label}\n${address}`;
      const track = speakerTracks.get(key) ?? speakerTracks.size + 1;
      speakerTracks.set(key, track);
      speaking.set(sourceTrack, track);
      assigned.push({ kind: "speaker.assigned", ...of(atMs), track, sourceTrack, label, name, address, fromMs: first ? 0 : mediaMs(atMs) });
    }
    return assigned;
  }

  function holdEvents(facts: CallFacts, atMs: number): CallEventHappened[] {
    const events: CallEventHappened[] = [];
    for (const [conversation, party] of facts.conversations.flatMap((each) => each.parties.map((one) => [each.id, one] as const))) {
      const onHold = party.onHold && party.leftAt === null;
      // Who has a second call on the line is held in the one and speaks in the other.
      const place = `${conversation}\n${party.address}`;
      if (onHold === held.has(place)) continue;
      if (onHold) held.add(place);
      else held.delete(place);
      if (party.leftAt !== null) continue;
      const who = partyOf(party);
      events.push(event(onHold ? "hold" : "retrieve", atMs, who, `${labelOf(who)} ${onHold ? "on hold" : "back from hold"}`));
    }
    return events;
  }

  const legs = () => [...chains.values()].flatMap((chain) => chain.legs);

  return {
    update(written, atMs, sourceTrackOf) {
      const facts = withAddresses(written, context.addressOf);
      lastFacts = facts;
      const byChain = new Map<string, Conversation[]>();
      for (const conversation of facts.conversations) {
        const key = conversation.chainId ?? conversation.id;
        byChain.set(key, [...(byChain.get(key) ?? []), conversation]);
      }
      const happened = [...byChain].flatMap(([key, conversations]) => updateChain(key, conversations, atMs));
      return [...happened, ...holdEvents(facts, atMs), ...assignSpeakers(facts, atMs, sourceTrackOf)];
    },
    end(cause, atMs) {
      const ended = Math.max(...lastFacts.conversations.map((conversation) => conversation.endedAt?.getTime() ?? Number.NEGATIVE_INFINITY));
      const releasedAtMs = plausible(new Date(ended), atMs - transferWindowMs, atMs + clockSlackMs, atMs);
      const whenAnswered: ReleaseCause = cause === "released" || cause === "cancelled" ? "Normal" : "Failure";
      return legs()
        .filter((leg) => leg.open)
        .map((leg) => {
          release(leg, releasedAtMs, atMs, whenAnswered);
          return changed("released", leg, atMs);
        });
    },
    audioArrived(atMs) {
      if (audible) return [];
      audible = true;
      return legs()
        .filter((leg) => leg.open)
        .map((leg) => {
          leg.state = { ...leg.state, mediaStatus: "Recording" };
          return changed("changed", leg, atMs);
        });
    },
    interactions: () => legs().map((leg) => leg.state),
    speakerOn: (sourceTrack) => speaking.get(sourceTrack) ?? null,
  };

  function callTypeOf(chain: Chain): CallType {
    const outside = chain.seen.filter((party) => context.identify(party.address) === null);
    if (chain.conference) return outside.length === 0 ? "Conference_Internal" : "Conference_InternalWithExternal";
    if (outside.length === 0) return "P2P_Internal";
    return outside.some((party) => party.address.startsWith("+")) ? "P2P_PSTN" : "P2P_External";
  }

  function directionOf(chain: Chain, address: string): Direction {
    if (chain.conference) return "None";
    return callingOf(chain)?.address === address ? "Outgoing" : "Incoming";
  }
}

/** CAP-18: what an interaction that nobody answered ended as. */
export function unanswered(direction: Direction): ReleaseCause {
  return direction === "Incoming" ? "Missed" : "Abandoned";
}

/** Who called: by the client's word, else who was named first. */
function callingOf(chain: Chain): Party | null {
  return chain.seen.find((party) => party.address === chain.caller) ?? chain.seen[0] ?? null;
}

function callerOf(conversations: readonly Conversation[]): string | null {
  for (const { callingPartyId, parties } of conversations) {
    const caller = callingPartyId === undefined ? undefined : parties.find(({ id }) => id === callingPartyId);
    if (caller !== undefined) return caller.address;
  }
  return null;
}

const userOf = (party: Party): Party => ({ ...party, name: labelOf(party) });

function labelOf(party: Party): string {
  return party.name ?? party.address;
}

function plausible(time: Date | null | undefined, fromMs: number, toMs: number, otherwiseMs: number): number {
  const ms = time?.getTime() ?? Number.NaN;
  return ms >= fromMs && ms <= toMs ? ms : otherwiseMs;
}
