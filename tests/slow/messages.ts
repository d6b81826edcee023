/** What the flood's processes are told and tell. */

export interface CallsTask {
  readonly sipPort: number;
  readonly calls: number;
  /** How long the tones last at least. */
  readonly seconds: number;
}

export interface StreamTarget {
  readonly rtpPort: number;
  readonly ssrc: number;
}

/** One stream as it was sent: enough to say, sample by sample, what a recording of it must hold. */
export interface SentStream {
  readonly address: string;
  readonly hz: number;
  readonly packets: number;
}

export type FromCalls =
  | { readonly kind: "open"; readonly streams: readonly StreamTarget[] }
  | {
      readonly kind: "done";
      readonly calls: readonly { readonly callId: string; readonly streams: readonly SentStream[] }[];
      /** From sending to the final response, in milliseconds; those of the short calls that came and went meanwhile among them. */
      readonly byes: readonly number[];
      readonly invites: readonly number[];
      readonly failed: readonly string[];
    };

export type ToCalls = { readonly kind: "flooded" } | { readonly kind: "end" };

export interface SipFloodTask {
  readonly sipPort: number;
  readonly perSecond: number;
  readonly sources: number;
}

export interface RtpFloodTask {
  readonly perSecond: number;
  readonly targets: readonly StreamTarget[];
  /** Where the calls' own packets come from: some of the foreign ones come from there too, from other ports. */
  readonly ownAddress: string;
}

export interface FloodCount {
  readonly kind: "count";
  readonly sent: number;
  readonly answers: Readonly<Record<string, number>>;
}

export function taskOf<T>(): T {
  const [, , json] = process.argv;
  if (json === undefined) throw new Error("this program is started by flood.ts");
  return JSON.parse(json) as T;
}

/** To the process that started this one. */
export function tell(message: FromCalls | FloodCount): void {
  process.send?.(message);
}
