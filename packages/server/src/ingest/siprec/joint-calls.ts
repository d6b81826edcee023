/**
 * One call that several recording sessions bring. A client that fails over sends a new INVITE for the conversation that it was recording; a
 * phone that forks its two directions sends each in a dialog of its own; an INVITE with Replaces takes a dialog's place. Each session sees
 * a recorded call of its own; behind it their streams and what they know of the people are put together.
 */
import type { CallFacts, CallParty, Conversation, RecordedCall, StreamOffer } from "#recorder";

export interface JointCalls {
  /** The running call of this trunk that a session belongs to, by what `keysOf` and `dialogKeyOf` name. */
  find(trunkId: string, keys: readonly string[], facts: CallFacts): JointCall | null;
  create(trunkId: string, call: RecordedCall): JointCall;
}

export interface JointCall {
  /** Another session brings the call from now on, with these streams and what it knows. The recorder hears of them by the call that it gets. */
  join(keys: readonly string[], labels: readonly string[], facts: CallFacts, listener: MemberListener): RecordedCall;
  /** The recorder has ended the call by itself. */
  gaveUp(): void;
  /** The session of this key is taken over by another, which has joined. */
  replace(key: string): void;
}

export interface MemberListener {
  gaveUp(): void;
  replaced(): void;
}

/**
 * Shorter ids are counters in the field (`1`, `s1`) and say nothing; two strangers' calls must never be put together, so that the calls
 * must have a party in common as well.
 */
const minIdLength = 16;

export const conversationKeys = (facts: CallFacts): string[] =>
  facts.conversations.filter(({ id, endedAt }) => id.length >= minIdLength && endedAt === null).map(({ id }) => `conversation ${id}`);

interface Member {
  readonly keys: Set<string>;
  readonly listener: MemberListener;
  /** The recorder's label of each stream of the session. */
  readonly labels: Map<string, string>;
  /** As the session tells them. */
  facts: CallFacts;
}

export function createJointCalls(): JointCalls {
  const byKey = new Map<string, { readonly call: JointCall; readonly concerns: (facts: CallFacts) => boolean }>();

  function create(trunkId: string, call: RecordedCall): JointCall {
    const members = new Set<Member>();
    /** Of sessions that have left, and of all that is over: nothing vanishes from the facts. */
    let past: CallFacts = { conversations: [] };
    const labelsTaken = new Set<string>();
    let joined = 0;

    const keyOf = (key: string): string => `${trunkId} ${key}`;
    const everybody = (): CallFacts => merge([...[...members].toReversed().map(translate), past]);

    /** With the recorder's labels. One that no stream of the session has (yet) is not another session's. */
    function translate({ facts, labels }: Member): CallFacts {
      const labelOf = (label: string): string[] => {
        const own = labels.get(label);
        return own !== undefined ? [own] : labelsTaken.has(label) ? [] : [label];
      };
      return {
        conversations: facts.conversations.map((conversation) => ({
          ...conversation,
          parties: conversation.parties.map((party) => ({ ...party, sends: party.sends.flatMap(labelOf) })),
        })),
      };
    }

    function claim(member: Member, keys: readonly string[]): void {
      for (const key of keys) {
        if (byKey.has(keyOf(key))) continue;
        byKey.set(keyOf(key), registered);
        member.keys.add(key);
      }
    }

    function leave(member: Member, at: Date): void {
      members.delete(member);
      for (const key of member.keys) byKey.delete(keyOf(key));
      for (const other of members) claim(other, [...conversationKeys(other.facts)]);
      past = merge([past, ended(translate(member), at)]);
    }

    const joint: JointCall = {
      join(keys, labels, facts, listener) {
        const member: Member = { keys: new Set(), listener, labels: new Map(), facts: { conversations: [] } };
        joined += 1;
        const number = joined;
        let gone = false;
        function recorderLabel(label: string): string {
          const known = member.labels.get(label);
          if (known !== undefined) return known;
          let free = label;
          if (labelsTaken.has(free)) free = `${label}/${number}`;
          while (labelsTaken.has(free)) free += "+";
          labelsTaken.add(free);
          member.labels.set(label, free);
          return free;
        }
        const translated = (stream: StreamOffer): StreamOffer => ({ ...stream, label: recorderLabel(stream.label) });
        for (const label of labels) recorderLabel(label);
        member.facts = facts;
        members.add(member);
        claim(member, keys);
        return {
          recordingId: call.recordingId,
          addStream: (stream, at) => call.addStream(translated(stream), at),
          changeStream: (stream, at) => call.changeStream(translated(stream), at),
          removeStream: (label, at) => call.removeStream(recorderLabel(label), at),
          keep: (raw, at) => call.keep(raw, at),
          update(news, at, raw) {
            member.facts = news;
            // Who spoke last is merged last, and so first below.
            if (members.delete(member)) members.add(member);
            claim(member, conversationKeys(news));
            return call.update(everybody(), at, raw);
          },
          async end(cause, at) {
            if (gone) return;
            gone = true;
            leave(member, at);
            if (members.size === 0) return call.end(cause, at);
            for (const label of member.labels.values()) await call.removeStream(label, at);
            await call.update(everybody(), at, []);
          },
        };
      },
      gaveUp() {
        for (const { listener } of members) listener.gaveUp();
      },
      replace(key) {
        for (const member of members) if (member.keys.has(key)) member.listener.replaced();
      },
    };
    const registered = { call: joint, concerns: (facts: CallFacts) => sharesParty(everybody(), facts) };
    return joint;
  }

  return {
    find(trunkId, keys, facts) {
      for (const key of keys) {
        const found = byKey.get(`${trunkId} ${key}`);
        if (found !== undefined && (!key.startsWith("conversation ") || found.concerns(facts))) return found.call;
      }
      return null;
    },
    create,
  };
}

function sharesParty(one: CallFacts, other: CallFacts): boolean {
  const addresses = new Set(one.conversations.flatMap(({ parties }) => parties.map(({ address }) => address)));
  return other.conversations.some(({ parties }) => parties.some(({ address }) => addresses.has(address)));
}

const ended = (facts: CallFacts, at: Date): CallFacts => ({
  conversations: facts.conversations.map((conversation) => ({
    ...conversation,
    endedAt: conversation.endedAt ?? at,
    parties: conversation.parties.map((party) => ({ ...party, leftAt: party.leftAt ?? at, sends: [], onHold: false })),
  })),
});

/** What comes first counts: it is what was said last. Voices add up, because each session brings streams of its own. */
function merge(all: readonly CallFacts[]): CallFacts {
  const conversations = new Map<string, Conversation>();
  for (const conversation of all.flatMap((facts) => facts.conversations)) {
    const known = conversations.get(conversation.id);
    conversations.set(conversation.id, known === undefined ? conversation : mergeConversation(known, conversation));
  }
  return { conversations: [...conversations.values()] };
}

function mergeConversation(one: Conversation, other: Conversation): Conversation {
  const parties = [...one.parties];
  for (const party of other.parties) {
    const place = parties.findIndex(({ address }) => address === party.address);
    if (place < 0) parties.push(party);
    else parties[place] = mergeParty(parties[place]!, party);
  }
  return { ...one, startedAt: one.startedAt ?? other.startedAt, parties };
}

function mergeParty(one: CallParty, other: CallParty): CallParty {
  const sends = [...new Set([...one.sends, ...other.sends])];
  return { ...one, name: one.name ?? other.name, sends, onHold: one.onHold && sends.length === 0 };
}
