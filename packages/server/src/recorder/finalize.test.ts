import { describe, expect, test } from "vitest";
import { mintId } from "#ids";
import type { InteractionState, SpeakerAssigned } from "./facts.ts";
import { settle } from "./finalize.ts";
import type { RecordingSummary, TrackSummary } from "./media.ts";
import { peaksOf, speakerTracks } from "./speaker-tracks.ts";

const start = Date.parse("2026-11-20T09:15:00.000Z");

const source = (track: number, more: Partial<TrackSummary> = {}): TrackSummary => ({
  track,
  codec: "PCMU",
  sampleRate: 8000,
  offsetMs: 100,
  durationMs: 59_900,
  packets: 2995,
  packetsLost: 0, packetsUndecodable: 0,
  speech: [[1_000, 4_000], [28_000, 33_000]],
  gaps: [],
  merkleRoot: "00",
  chunks: 60,
  keyPresses: [],
  peaks: Uint8Array.from({ length: 599 }, (_, index) => index % 256),
  ...more,
});
const summary = (tracks: TrackSummary[], more: Partial<RecordingSummary> = {}): RecordingSummary => ({ recordingId: mintId(new Date(start)), tenantId: "t", startedAtMs: start, durationMs: 60_000, tracks, pieces: [], recovered: false, ...more });
const speaks = (sourceTrack: number, name: string, fromMs = 0): SpeakerAssigned => ({ kind: "speaker.assigned", tenantId: "t", recordingId: "r", atMs: start, track: sourceTrack, sourceTrack, label: String(sourceTrack), name, address: `sip:${name}@contoso.example`, fromMs });

describe("tracks of speakers", () => {
  test("CAP-69 one stream, one speaker: the track is the stream", () => {
    const [track] = speakerTracks(summary([source(1)]), [speaks(1, "adele")]);
    expect(track).toMatchObject({ track: 1, sourceTrack: 1, name: "adele", offsetMs: 100, durationMs: 59_900, speech: [[1_000, 4_000], [28_000, 33_000]] });
  });

  test("CAP-69 a transfer on one stream gives two speakers, each with their own speech, gaps and peaks", () => {
    const wire = source(2, { gaps: [{ fromMs: 29_000, toMs: 31_000, reason: "loss" }] });
    const tracks = speakerTracks(summary([source(1), wire]), [speaks(1, "brian"), speaks(2, "bob"), speaks(2, "bill", 30_000)]);
    expect(tracks.map(({ track, name, offsetMs, durationMs }) => [track, name, offsetMs, durationMs])).toEqual([
      [1, "brian", 100, 59_900],
      [2, "bob", 100, 29_900],
      [3, "bill", 30_000, 30_000],
    ]);
    expect(tracks[1]!.speech).toEqual([[1_000, 4_000], [28_000, 30_000]]);
    expect(tracks[2]!.speech).toEqual([[30_000, 33_000]]);
    expect(tracks.slice(1).map((track) => track.gaps)).toEqual([[{ fromMs: 29_000, toMs: 30_000, reason: "loss" }], [{ fromMs: 30_000, toMs: 31_000, reason: "loss" }]]);
    expect(peaksOf(tracks[2]!, wire)[0]).toBe(299 % 256);
    expect(peaksOf(tracks[1]!, wire)).toHaveLength(299);
  });

  test("a stream on which nothing came keeps its lane and its gap", () => {
    const silent = source(2, { offsetMs: 0, durationMs: 0, packets: 0, speech: [], gaps: [{ fromMs: 0, toMs: 60_000, reason: "no_media" }], peaks: new Uint8Array() });
    const tracks = speakerTracks(summary([source(1), silent]), [speaks(1, "adele"), speaks(2, "bob")]);
    expect(tracks[1]).toMatchObject({ name: "bob", durationMs: 0, gaps: [{ fromMs: 0, toMs: 60_000, reason: "no_media" }] });
    expect(peaksOf(tracks[1]!, silent)).toEqual([]);
  });

  test("a name that came later is the speaker's name; a stream without a speaker still plays", () => {
    const named = speakerTracks(summary([source(1)]), [{ ...speaks(1, "adele"), name: null }, { ...speaks(1, "adele"), name: "Adele Vance", fromMs: 5_000 }]);
    expect(named).toHaveLength(1);
    expect(named[0]!.name).toBe("Adele Vance");
    expect(speakerTracks(summary([source(1)]), [])[0]).toMatchObject({ name: null, address: "", durationMs: 59_900 });
  });
});

const interaction = (more: Partial<InteractionState> = {}): InteractionState => ({
  interactionId: mintId(new Date(start)),
  personId: "p",
  trunkId: "trunk",
  user: { name: "Adele", address: "sip:adele@contoso.example", upn: null },
  mediaStatus: "Pending",
  startedAtMs: start,
  answeredAtMs: start,
  releasedAtMs: start + 60_000,
  direction: "Incoming",
  callType: "P2P_Internal",
  releaseCause: "Normal",
  calling: null,
  called: null,
  answering: null,
  transferredBy: null,
  transferredTo: null,
  participants: [],
  sipCallId: "x",
  sysCallId: null,
  chainId: null,
  hasGaps: false,
  decision: { record: true, reasons: [], ruleVersion: "1" },
  fromMs: 0,
  toMs: 60_000,
  ...more,
});
const settled = (state: InteractionState, tracks: TrackSummary[], more: Partial<RecordingSummary> = {}, endedMs: number | null = 60_000) => {
  const done = summary(tracks, more);
  return settle(state, done, speakerTracks(done, []), endedMs);
};

describe("the last word on an interaction", () => {
  test("CAP-19 with audio it is Available", () => {
    expect(settled(interaction(), [source(1)])).toMatchObject({ mediaStatus: "Available", releaseCause: "Normal", hasGaps: false });
  });

  test("CAP-19 CAP-18 answered, but no audio ever came: Failed", () => {
    const nothing = source(1, { offsetMs: 0, durationMs: 0, packets: 0, gaps: [{ fromMs: 0, toMs: 60_000, reason: "no_media" }] });
    expect(settled(interaction(), [nothing])).toMatchObject({ mediaStatus: "Failed", releaseCause: "Failure", hasGaps: true });
  });

  test("CAP-19 CAP-18 CAP-21 unanswered and without audio: Unavailable, and no answer time", () => {
    const state = interaction({ answeredAtMs: null, releaseCause: "Missed" });
    expect(settled(state, [], { durationMs: 0 })).toMatchObject({ mediaStatus: "Unavailable", releaseCause: "Missed", answeredAtMs: null });
  });

  test("a sender that names one party only: audio shows that the call was answered", () => {
    const state = interaction({ answeredAtMs: null, releaseCause: "Abandoned", direction: "Outgoing" });
    expect(settled(state, [source(1)])).toMatchObject({ mediaStatus: "Available", releaseCause: "Normal", answeredAtMs: start });
  });

  test("PLT-03 a recorder that died leaves what it had, released at the last audio, as a Failure with a gap", () => {
    const state = interaction({ releasedAtMs: null, releaseCause: null, toMs: null, mediaStatus: "Recording" });
    const torn = source(1, { durationMs: 20_000, gaps: [{ fromMs: 20_100, toMs: 31_000, reason: "recorder_restart" }] });
    expect(settled(state, [torn], { durationMs: 20_100, recovered: true })).toMatchObject({ mediaStatus: "Available", releaseCause: "Failure", releasedAtMs: start + 20_100, toMs: 31_000, hasGaps: true });
  });

  test("who stayed to the end has all the audio, also what lies later than the message that ended the call", () => {
    const ahead = source(1, { durationMs: 64_900 }); // sent five seconds ahead of time
    expect(settled(interaction({ toMs: 59_985 }), [ahead], { durationMs: 65_000 }).toMs).toBe(65_000);
    expect(settled(interaction({ toMs: 60_000 }), [source(1)]).toMs).toBe(60_000);
    expect(settled(interaction({ toMs: 30_000 }), [ahead], { durationMs: 65_000 }).toMs).toBe(30_000);
    expect(settled(interaction({ toMs: 59_985 }), [ahead], { durationMs: 65_000 }, 600_000).toMs).toBe(59_985); // the dialog went on with others
  });

  test("a gap outside the person's part is not theirs", () => {
    const wire = source(1, { gaps: [{ fromMs: 40_000, toMs: 41_000, reason: "loss" }] });
    expect(settled(interaction({ toMs: 30_000, releasedAtMs: start + 30_000 }), [wire]).hasGaps).toBe(false);
    expect(settled(interaction({ fromMs: 30_000 }), [wire]).hasGaps).toBe(true);
  });
});
