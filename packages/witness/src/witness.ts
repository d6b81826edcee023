/**
 * Decides whether a head is cosigned (C2SP tlog-witness). It is, where a trusted log signed it and it continues the last head that was
 * cosigned of that log; and it is on disk before anybody hears of it.
 */
import { createHash } from "node:crypto";
import { formatNote, Malformed, parseAddCheckpoint, verifyConsistency, verifyNote, type Checkpoint, type Hash, type Note, type NoteKey, type ReadAddCheckpoint } from "@earwitness/verify";
import type { Heads } from "./heads.ts";
import type { Journal } from "./journal.ts";
import type { TrustedLogs } from "./trusted-logs.ts";
import type { WitnessKey } from "./witness-key.ts";

export interface Answer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422 | 503;
  /** Cosignature lines (200), a size (409), else a sentence. */
  readonly body: string;
}

export interface Witness {
  addCheckpoint(body: Uint8Array): Promise<Answer>;
}

export interface WitnessParts {
  readonly key: WitnessKey;
  readonly logs: Pick<TrustedLogs, "keysOf">;
  readonly heads: Pick<Heads, "last" | "follow">;
  readonly journal: Pick<Journal, "contradiction">;
  readonly now: () => Date;
  /** Told once when a log is caught showing two histories. */
  readonly alarm: (sentence: string) => void;
}

const hash: Hash = (bytes) => createHash("sha256").update(bytes).digest();
const emptyRoot = hash(new Uint8Array(0));

export function createWitness({ key, logs, heads, journal, now, alarm }: WitnessParts): Witness {
  const turns = new Map<string, Promise<unknown>>();

  /** One at a time for each log. */
  function inTurn<T>(origin: string, act: () => Promise<T>): Promise<T> {
    const mine = (turns.get(origin) ?? Promise.resolve()).then(act, act);
    turns.set(origin, mine);
    const done = (): void => {
      if (turns.get(origin) === mine) turns.delete(origin);
    };
    mine.then(done, done);
    return mine;
  }

  async function answer(asked: ReadAddCheckpoint): Promise<Answer> {
    const { note, signed, checkpoint } = asked;
    for (;;) {
      const last = await heads.last(checkpoint.origin);
      if (last !== null && contradicts(checkpoint, last.checkpoint) && (await journal.contradiction(last.note, note, checkpoint))) {
        alarm(`${checkpoint.origin} signed two different trees of ${checkpoint.size} entries`);
      }
      const refused = refusal(asked, last?.checkpoint ?? null);
      if (refused !== null) return refused;
      const atSeconds = Math.floor(now().getTime() / 1000);
      // A later head with an earlier time would be a false statement of ours.
      if (last !== null && atSeconds < last.atSeconds) return { status: 503, body: "the clock of this witness is behind what it signed already\n" };
      const line = key.cosign(signed.text, atSeconds);
      if (await heads.follow(checkpoint.origin, last, `${note}${line}`)) return { status: 200, body: line };
      // Another process on the same directory was faster: look again.
    }
  }

  return {
    async addCheckpoint(body) {
      let asked: ReadAddCheckpoint;
      try {
        asked = parseAddCheckpoint(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body));
      } catch (error) {
        return { status: 400, body: `${error instanceof Malformed ? error.message : "this is not UTF-8"}\n` };
      }
      const { origin } = asked.checkpoint;
      const keys = await logs.keysOf(origin);
      if (keys.length === 0) return { status: 404, body: "this witness does not know this log\n" };
      const signed = await signedByLog(asked.signed, keys);
      if (signed === null) return { status: 403, body: "no key that this witness trusts for this log has signed this\n" };
      return await inTurn(origin, async () => await answer({ ...asked, signed, note: formatNote(signed) }));
    },
  };
}

/** The note with the lines of these keys only, all verified: what strangers added is not kept. Null where there is none, or one does not verify. */
async function signedByLog({ text, signatures }: Note, keys: readonly NoteKey[]): Promise<Note | null> {
  const note = { text, signatures: signatures.filter(({ name, keyId }) => keys.some((key) => key.name === name && key.id === keyId)) };
  try {
    return (await verifyNote(note, keys)).length === 0 ? null : note;
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

/** In the order that C2SP gives; null where the head continues what was seen. */
function refusal({ oldSize, proof, checkpoint }: ReadAddCheckpoint, last: Checkpoint | null): Answer | null {
  const { size, root } = checkpoint;
  if (oldSize > size) return { status: 400, body: "the old size is larger than the new one\n" };
  if (oldSize !== (last?.size ?? 0)) return { status: 409, body: `${last?.size ?? 0}\n` };
  if (size === 0 && !sameBytes(root, emptyRoot)) return { status: 422, body: "an empty log has another root\n" };
  if (!verifyConsistency(hash, { first: oldSize, second: size, firstRoot: last?.root ?? emptyRoot, secondRoot: root, proof })) {
    return { status: 422, body: "the proof does not show that this head continues the one that was cosigned last\n" };
  }
  return null;
}

const contradicts = (one: Checkpoint, other: Checkpoint): boolean => one.size === other.size && !sameBytes(one.root, other.root);
const sameBytes = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;
