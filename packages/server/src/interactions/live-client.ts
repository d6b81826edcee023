import { Readable } from "node:stream";
import type { LiveEvent } from "@earwitness/contract";
import type { Principal } from "#access";
import type { NamedActivity } from "./activity.ts";
import type { Seen } from "./scope.ts";

/** One open stream of server-sent events. */
export interface LiveClient {
  principal: Principal;
  /** Whose rows it is told of. */
  seen: Seen;
  readonly stream: Readable;
  send(event: Extract<LiveEvent, { kind: "interaction" }>): void;
  sendActivity(recordings: readonly NamedActivity[]): void;
  reset(): void;
  beat(): void;
  close(): void;
}

/** Rows that wait for a slow reader. More would be older than a page read afresh. */
const mostWaiting = 500;
const bufferBytes = 16 * 1024;

/**
 * What waits for a slow reader is bounded by construction: of each row only its newest state, of the levels only the last,
 * and if the rows become too many, one `reset` instead of all of them.
 */
export function createLiveClient(principal: Principal, seen: Seen): LiveClient {
  const rows = new Map<string, LiveEvent>();
  let activity: LiveEvent | null = null;
  let resetting = false;
  let beating = false;
  let nextId = 1;
  let wanted = false;

  const stream = new Readable({
    highWaterMark: bufferBytes,
    read() {
      wanted = true;
      pump();
    },
  });
  // Sends the headers on their way, and tells the browser when to come back.
  stream.push("retry: 2000\n\n");

  const format = (event: LiveEvent) => `id: ${nextId++}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`;

  function takeNext(): string | null {
    if (resetting) {
      resetting = false;
      return format({ kind: "reset" });
    }
    for (const [id, event] of rows) {
      rows.delete(id);
      return format(event);
    }
    if (activity !== null) {
      const event = activity;
      activity = null;
      return format(event);
    }
    if (beating) {
      beating = false;
      return ": still here\n\n";
    }
    return null;
  }

  function pump(): void {
    while (wanted && !stream.destroyed) {
      const text = takeNext();
      if (text === null) return;
      wanted = stream.push(text);
    }
  }

  const client: LiveClient = {
    principal,
    seen,
    stream,
    send(event) {
      if (resetting) return;
      const { id } = event.interaction;
      rows.delete(id);
      rows.set(id, event);
      if (rows.size > mostWaiting) client.reset();
      else pump();
    },
    sendActivity(recordings) {
      const visible = recordings.flatMap((recording) => {
        const interactionIds = recording.interactions.filter((row) => client.seen.has(row)).map((row) => row.interaction_id);
        return interactionIds.length === 0 ? [] : [{ interactionIds, tracks: [...recording.tracks] }];
      });
      if (visible.length === 0) return;
      activity = { kind: "activity", recordings: visible };
      pump();
    },
    reset() {
      rows.clear();
      activity = null;
      resetting = true;
      pump();
    },
    beat() {
      beating = true;
      pump();
    },
    close() {
      // Ends the response cleanly; a reader that does not take even that is cut off.
      if (stream.destroyed) return;
      stream.push(null);
      setTimeout(() => stream.destroy(), 1_000).unref();
    },
  };
  return client;
}
