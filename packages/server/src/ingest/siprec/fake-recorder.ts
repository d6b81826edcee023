import type { CallFacts, CallOffer, EndCause, LocalPorts, OpenResult, RawBody, Recorder, StreamOffer } from "#recorder";

/** What a recorded call was told, in order. */
export type Told =
  | { readonly kind: "add" | "change"; readonly stream: StreamOffer }
  | { readonly kind: "remove"; readonly label: string }
  | { readonly kind: "update"; readonly facts: CallFacts; readonly raw: readonly RawBody[] }
  | { readonly kind: "end"; readonly cause: EndCause };

export interface FakeCall {
  readonly offer: CallOffer;
  readonly told: Told[];
  /** Bodies that changed nothing. */
  readonly kept: RawBody[];
  /** Causes of the end: exactly one in a call that went well. */
  readonly ends: EndCause[];
}

/** A recorder for tests of the adapter: remembers what it is told and gives out ports. `decide` may answer otherwise, or wait. */
export interface FakeRecorder extends Recorder {
  readonly calls: FakeCall[];
  decide: (offer: CallOffer) => Promise<OpenResult | null>;
  isReady: boolean;
  /** Thrown by everything that a call is asked to do with a stream of this label. */
  failLabel: string | null;
  failUpdate: boolean;
  /** RTCP shares the port of streams that offer it. */
  mux: boolean;
  /** Adding a stream waits for it. */
  hold: Promise<void> | null;
  /** RTP ports that were given out and not taken back. */
  readonly portsOpen: ReadonlySet<number>;
}

export function createFakeRecorder(): FakeRecorder {
  const calls: FakeCall[] = [];
  let nextPort = 40_000;
  const portsOpen = new Set<number>();

  function ports(stream: StreamOffer): LocalPorts {
    nextPort += 2;
    portsOpen.add(nextPort);
    return { rtpPort: nextPort, rtcpPort: recorder.mux && stream.rtcpMux === true ? nextPort : nextPort + 1 };
  }

  const recorder: FakeRecorder = {
    calls,
    isReady: true,
    failLabel: null,
    failUpdate: false,
    mux: false,
    hold: null,
    portsOpen,
    decide: async () => null,
    async open(offer) {
      const decided = await recorder.decide(offer);
      if (decided !== null) return decided;
      const call: FakeCall = { offer, told: [], kept: [], ends: [] };
      calls.push(call);
      const open = new Map(offer.streams.map((stream) => [stream.label, ports(stream)]));
      const mayFail = (label: string): void => {
        if (label === recorder.failLabel) throw new Error("no port left");
      };
      return {
        kind: "recording",
        ports: new Map(open),
        call: {
          recordingId: String(calls.length).padStart(24, "0"),
          async addStream(stream) {
            await recorder.hold;
            mayFail(stream.label);
            const given = ports(stream);
            open.set(stream.label, given);
            call.told.push({ kind: "add", stream });
            return given;
          },
          async changeStream(stream) {
            mayFail(stream.label);
            call.told.push({ kind: "change", stream });
            return open.get(stream.label)!;
          },
          async removeStream(label) {
            portsOpen.delete(open.get(label)?.rtpPort ?? 0);
            open.delete(label);
            call.told.push({ kind: "remove", label });
          },
          async update(facts, _at, raw) {
            if (recorder.failUpdate) throw new Error("no");
            call.told.push({ kind: "update", facts, raw });
          },
          async keep(raw) {
            call.kept.push(...raw);
          },
          async end(cause) {
            for (const { rtpPort } of open.values()) portsOpen.delete(rtpPort);
            call.told.push({ kind: "end", cause });
            call.ends.push(cause);
          },
        },
      };
    },
    count: () => calls.filter(({ ends }) => ends.length === 0).length,
    ready: () => ({ ready: recorder.isReady, reasons: recorder.isReady ? [] : ["spool full"] }),
    drain: () => void (recorder.isReady = false),
    close: async () => undefined,
  };
  return recorder;
}
