/** Invented calls for looking at the portal without a server: the same seed gives the same calls. */
import type { CallEvent, Interaction, InteractionDetail, Peaks, ReleaseCause, Track } from "@earwitness/contract";

type Person = { name: string; upn: string | null; address: string };

const people: readonly Person[] = [
  "Adele Vance",
  "Alex Wilber",
  "Diego Siciliani",
  "Grady Archie",
  "Henrietta Mueller-Schwarzenberg",
  "Isaiah Langer",
  "Johanna Lorenz",
  "Lynne Robbins",
  "Megan Bowen",
  "Nestor Wilke",
  "Patti Fernandez",
  "Pradeep Gupta",
].map((name) => {
  const user = name.replace(/[^A-Za-z ]/g, "").split(" ").map((part, n) => (n === 0 ? part : part.slice(0, 1))).join("");
  return { name, upn: `${user}@contoso.example`, address: `sip:${user.toLowerCase()}@contoso.example` };
});

const callers: readonly Person[] = [
  { name: "", upn: null, address: "+17325550143" },
  { name: "Northwind Traders", upn: null, address: "+442079460118" },
  { name: "", upn: null, address: "+4930901820012" },
  { name: "Fabrikam Reception", upn: null, address: "sip:reception@fabrikam.example" },
];

/** mulberry32: enough randomness to look at, repeatable. */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const pick = <T>(random: () => number, from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
const party = (person: Person) => ({ name: person.name || null, address: person.address, upn: person.upn });

export function inventInteraction(seed: number, startedAt: Date, state: "done" | "running"): Interaction {
  const random = createRandom(seed + 7);
  const user = pick(random, people);
  const others = [...people, ...callers, ...callers].filter((person) => person !== user);
  const other = pick(random, others);
  const conference = random() < 0.14;
  const incoming = random() < 0.55;
  const extra = conference ? others.filter((person) => person !== other && person.name).slice(0, 1 + Math.floor(random() * 4)) : [];
  const fate = state === "running" ? 0.5 : random();
  const cause: ReleaseCause = fate < 0.08 ? (incoming ? "Missed" : "Abandoned") : fate < 0.11 ? "Failure" : fate < 0.15 ? "Transferred" : "Normal";
  const answered = cause !== "Missed" && cause !== "Abandoned";
  const waitMs = answered ? 2_000 + Math.floor(random() * 14_000) : 0;
  const durationMs = answered ? 20_000 + Math.floor(random() ** 3 * 1_500_000) : 0;
  const startMs = startedAt.getTime();
  const at = (ms: number) => new Date(ms).toISOString();
  const hex = (n: number) => Math.floor(n).toString(16).padStart(8, "0");
  const external = other.upn === null;
  return {
    id: hex(startMs / 1000) + hex(random() * 2 ** 32) + hex(random() * 2 ** 32),
    mediaStatus: state === "running" ? "Recording" : !answered ? "Unavailable" : cause === "Failure" ? "Failed" : fate > 0.985 ? "Deleted" : "Available",
    user,
    calling: party(incoming ? other : user),
    called: party(incoming ? user : other),
    answering: answered ? (conference ? { name: "Conference", address: "sip:conference@contoso.example", upn: null } : party(incoming ? user : other)) : null,
    onBehalfOf: null,
    transferredBy: null,
    transferredTo: cause === "Transferred" ? party(pick(random, others)) : null,
    participants: [party(user), party(other), ...extra.map(party)],
    startedAt: at(startMs),
    answeredAt: answered ? at(startMs + waitMs) : null,
    releasedAt: state === "running" ? null : at(startMs + waitMs + durationMs),
    durationMs: state === "running" ? Math.max(0, Date.now() - startMs - waitMs) : durationMs,
    waitMs,
    direction: conference ? "None" : incoming ? "Incoming" : "Outgoing",
    type: conference
      ? external ? "Conference_InternalWithExternal" : "Conference_Internal"
      : other.address.startsWith("+") ? "P2P_PSTN" : external ? "P2P_External" : incoming && random() < 0.1 ? "Queue" : "P2P_Internal",
    releaseCause: state === "running" ? null : cause,
    recordingType: "Full Time",
    sysCallId: `5a1c${hex(random() * 2 ** 32).slice(0, 4)}-7d0e-4c55-9a1b-${hex(random() * 2 ** 32)}0001`,
    sipCallId: `${hex(random() * 2 ** 32)}@sbc1.contoso.example`,
    hasGaps: answered && random() < 0.12,
    sandbox: true,
    lastVerified: state === "running" ? null : inventSeal(seed, startMs + waitMs + durationMs),
  };
}

/** Most were gone over by the job, some by somebody, one in a while differs, and the rest wait. */
function inventSeal(seed: number, endedMs: number): Interaction["lastVerified"] {
  if (seed % 3 === 0) return null;
  const at = new Date(endedMs + 3_600_000).toISOString();
  if (seed % 17 === 0) return { at, result: "differs", means: "fsck", by: { kind: "job", name: "fsck" } };
  return seed % 5 === 0 ? { at, result: "holds", means: "browser", by: { kind: "person", name: "Megan Bowen" } } : { at, result: "holds", means: "fsck", by: { kind: "job", name: "fsck" } };
}

/** Turns: somebody speaks, somebody else answers, sometimes over each other. */
export function inventDetail(interaction: Interaction): InteractionDetail {
  const random = createRandom(Number.parseInt(interaction.id.slice(8, 14), 16));
  const running = interaction.mediaStatus === "Recording";
  const hasMedia = running || ["Available", "Pending", "Failed"].includes(interaction.mediaStatus);
  const durationMs = Math.max(interaction.durationMs, 1_000);
  const speakers = interaction.participants;
  const joins = speakers.map((_, n) => (n < 2 ? 0 : Math.floor(durationMs * 0.08 * n)));
  const leaves = speakers.map((_, n) => (n < 2 ? durationMs : Math.floor(durationMs * (1 - 0.05 * n))));
  const holdAt = durationMs > 60_000 && speakers.length === 2 ? [Math.floor(durationMs * 0.52), Math.floor(durationMs * 0.6)] as const : null;
  const tracks: Track[] = speakers.map((speaker, n) => ({
    track: n + 1,
    participant: { name: speaker.name, aor: speaker.address },
    mixed: false,
    offsetMs: joins[n] ?? 0,
    durationMs: (leaves[n] ?? durationMs) - (joins[n] ?? 0),
    codec: "PCMU",
    speech: [],
    gaps: [],
  }));
  let at = 700;
  let speaking = Math.floor(random() * 2);
  while (at < durationMs) {
    const track = tracks[speaking];
    const length = 600 + random() ** 2 * 9_000;
    const inHold = holdAt && at + length > holdAt[0] && at < holdAt[1];
    if (track && !inHold && at >= track.offsetMs && at + length <= track.offsetMs + track.durationMs) {
      (track.speech as [number, number][]).push([Math.floor(at), Math.floor(at + length)]);
    }
    at += length + (random() < 0.2 ? -400 : 250 + random() ** 3 * 4_000);
    if (random() < 0.75) speaking = Math.floor(random() * tracks.length);
  }
  if (holdAt) for (const track of tracks) track.gaps.push({ fromMs: holdAt[0], toMs: holdAt[1], reason: "hold" });
  if (interaction.hasGaps) {
    const from = Math.floor(durationMs * 0.3);
    tracks[0]?.gaps.push({ fromMs: from, toMs: from + 1_900, reason: "loss" });
    tracks[0]?.gaps.push({ fromMs: from + 2_400, toMs: from + 2_620, reason: "loss" });
    tracks[1]?.gaps.push({ fromMs: Math.floor(durationMs * 0.8), toMs: Math.floor(durationMs * 0.84), reason: "recorder_restart" });
  }
  const events: CallEvent[] = [
    ...speakers.map((speaker, n) => ({ atMs: joins[n] ?? 0, kind: "join" as const, participant: speaker.address, text: "" })),
    ...(holdAt ? [{ atMs: holdAt[0], kind: "hold" as const, participant: speakers[1]?.address ?? null, text: "" }, { atMs: holdAt[1], kind: "retrieve" as const, participant: speakers[1]?.address ?? null, text: "" }] : []),
    ...(running ? [] : speakers.map((speaker, n) => ({ atMs: leaves[n] ?? durationMs, kind: "leave" as const, participant: speaker.address, text: "" }))),
  ].sort((one, two) => one.atMs - two.atMs);
  return {
    ...interaction,
    recording: hasMedia
      ? {
          id: [...interaction.id].toReversed().join(""),
          startedAt: interaction.answeredAt ?? interaction.startedAt,
          durationMs,
          fromMs: 0,
          toMs: durationMs,
          manifestSha256: running ? null : [...interaction.id, ...interaction.id, ...interaction.id].join("").slice(0, 64),
          node: "recorder-1",
        }
      : null,
    tracks: hasMedia ? (running ? tracks.map((track) => ({ ...track, speech: track.speech.filter(([, to]) => to < durationMs) })) : tracks) : [],
    events: hasMedia ? events : [],
    decision: {
      record: true,
      reasons: [`${interaction.user.name} is a recorded person of this tenant`, "Trunk “Contoso SBC” records every call type"],
      ruleVersion: "2024-06-01.1",
    },
    verification:
      interaction.lastVerified === null
        ? null
        : {
            ...interaction.lastVerified,
            checked: ["The manifest is the one that was sealed when the recording was finished.", "All 184 seconds with sound of track 1 (PCMU) are packet by packet as they were recorded."],
            differing: interaction.lastVerified.result === "differs" ? ["Second 00:03 of track 2 cannot be opened: what is stored of it is not what was sealed."] : [],
            checkpoint: { size: 4_312, root: "5f".repeat(32) },
          },
    trunk: "Contoso SBC",
  };
}

const stepMs = 20;

export function inventPeaks(detail: InteractionDetail): Peaks {
  return {
    stepMs,
    tracks: detail.tracks.map((track) => {
      const random = createRandom(track.track * 99);
      const peaks = Array.from({ length: Math.ceil(track.durationMs / stepMs) }, () => Math.floor(random() * 6));
      const stepOf = (ms: number) => Math.floor((ms - track.offsetMs) / stepMs);
      for (const [from, to] of track.speech) {
        for (let at = from; at < to; at += stepMs) {
          const syllable = Math.abs(Math.sin(at / 95 + track.track)) * 0.7 + 0.3;
          const phrase = 0.55 + 0.45 * Math.abs(Math.sin(at / 1_370 + track.track * 2));
          const breath = Math.min(1, (at - from) / 150, (to - at) / 220);
          peaks[stepOf(at)] = Math.floor((90 + random() * 140) * phrase * syllable * Math.max(0.1, breath));
        }
      }
      for (const gap of track.gaps) for (let at = gap.fromMs; at < gap.toMs; at += stepMs) peaks[stepOf(at)] = 0;
      return { track: track.track, peaks };
    }),
  };
}

/** 8 kHz WAV, one channel for each track; every speaker has a tone of their own, so a test can hear who speaks. */
export function inventWav(detail: InteractionDetail): Buffer {
  const rate = 8_000;
  const channels = detail.tracks.length;
  const samples = Math.floor(((detail.recording?.durationMs ?? 0) / 1000) * rate);
  const wav = Buffer.alloc(44 + samples * channels * 2);
  wav.write("RIFF", 0);
  wav.writeUInt32LE(36 + samples * channels * 2, 4);
  wav.write("WAVEfmt ", 8);
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(channels, 22);
  wav.writeUInt32LE(rate, 24);
  wav.writeUInt32LE(rate * channels * 2, 28);
  wav.writeUInt16LE(channels * 2, 32);
  wav.writeUInt16LE(16, 34);
  wav.write("data", 36);
  wav.writeUInt32LE(samples * channels * 2, 40);
  detail.tracks.forEach((track, channel) => {
    const pitch = toneOfTrack(track.track);
    for (const [from, to] of track.speech) {
      for (let sample = Math.floor((from * rate) / 1000); sample < Math.min(samples, Math.floor((to * rate) / 1000)); sample++) {
        const envelope = 0.35 + 0.65 * Math.abs(Math.sin((sample / rate) * 11 + channel));
        wav.writeInt16LE(Math.round(Math.sin((2 * Math.PI * pitch * sample) / rate) * envelope * 9_000), 44 + (sample * channels + channel) * 2);
      }
    }
  });
  return wav;
}

export const toneOfTrack = (track: number): number => 180 + track * 110;
