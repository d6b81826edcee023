import type { SdpDecision } from "@earwitness/media";
import type { Log } from "#log";
import type { LocalPorts, RecordedCall, StreamOffer } from "#recorder";
import { answeredPayloads, labelOf, sameStream } from "./lines.ts";
import type { Line } from "./lines.ts";

/** The streams of one call as the recorder has them now. */
export interface Streams {
  /** Labels by m-line of the last offer. */
  readonly labels: readonly string[];
  isOpen(label: string): boolean;
  /** Brings the recorder to what an offer asks for, and answers it line by line. Never fails: a stream the recorder refuses is refused in SDP. */
  apply(lines: readonly Line[], at: Date): Promise<void>;
  /** `waiting`: streams that are not open are neither taken nor refused, but inactive until it is known whether they are wanted. */
  decisions(waiting: boolean): SdpDecision[];
}

/** `opened`: what the recorder opened for the first offer; a stream without ports was refused. */
export function createStreams(call: RecordedCall, first: readonly Line[], opened: ReadonlyMap<string, LocalPorts>, log: Log): Streams {
  const open = new Map<string, { readonly stream: StreamOffer; readonly ports: LocalPorts }>();
  let lines = first;
  for (const stream of streamsOf(first)) {
    const ports = opened.get(stream.label);
    if (ports !== undefined) open.set(stream.label, { stream, ports });
  }

  /** Ports of a stream that is new, changed or as before; null where the recorder cannot take it. */
  async function portsFor(stream: StreamOffer, at: Date): Promise<LocalPorts | null> {
    const known = open.get(stream.label);
    if (known !== undefined && sameStream(known.stream, stream)) return known.ports;
    try {
      return await (known === undefined ? call.addStream(stream, at) : call.changeStream(stream, at));
    } catch (thrown) {
      log.error({ err: thrown, recordingId: call.recordingId, label: stream.label }, "stream could not be opened or changed");
      return known?.ports ?? null;
    }
  }

  return {
    get labels() {
      return lines.map(labelOf);
    },
    isOpen: (label) => open.has(label),
    async apply(next, at) {
      lines = next;
      const wanted = new Map(streamsOf(next).map((stream) => [stream.label, stream]));
      for (const label of open.keys()) {
        if (wanted.has(label)) continue;
        open.delete(label);
        await call.removeStream(label, at).catch((thrown: unknown) => log.error({ err: thrown, recordingId: call.recordingId, label }, "stream could not be removed"));
      }
      for (const stream of wanted.values()) {
        const ports = await portsFor(stream, at);
        if (ports !== null) open.set(stream.label, { stream, ports });
      }
    },
    decisions: (waiting) =>
      lines.map((line) => {
        if (line.kind !== "stream") return { kind: "refuse" };
        const taken = open.get(line.stream.label);
        const crypto = line.crypto === null ? {} : { crypto: line.crypto };
        if (taken === undefined) return waiting ? { kind: "take", rtpPort: discardPort, rtcpPort: discardPort + 1, payloadTypes: answeredPayloads(line.stream), inactive: true, ...crypto } : { kind: "refuse" };
        return { kind: "take", ...taken.ports, payloadTypes: answeredPayloads(taken.stream), ...crypto };
      }),
  };
}

/** RFC 863. A line that is inactive needs a port other than zero, and nobody sends to it. */
const discardPort = 9;

export const streamsOf = (lines: readonly Line[]): StreamOffer[] => lines.flatMap((line) => (line.kind === "stream" ? [line.stream] : []));

/** Labels in the order of the lines, of the streams that can be recorded. */
export const streamLabels = (lines: readonly Line[]): string[] => streamsOf(lines).map(({ label }) => label);
