import { Type, type Static } from "typebox";
import { LastVerified, Verification } from "./verification.ts";

/** CAP-19. Playback is offered only in `Available`. */
export const mediaStatuses = ["Recording", "Pending", "Available", "Failed", "Unavailable", "Deleted"] as const;
export const MediaStatus = Type.Enum(mediaStatuses, { description: "State of the audio (CAP-19)." });
export type MediaStatus = (typeof mediaStatuses)[number];

/** CAP-17. `None` is a conference. */
export const directions = ["Incoming", "Outgoing", "None"] as const;
export type Direction = (typeof directions)[number];

/** CAP-18. Empty (null) while the call is active. */
export const releaseCauses = ["Normal", "Failure", "Missed", "Abandoned", "Transferred"] as const;
export type ReleaseCause = (typeof releaseCauses)[number];

/** CAP-16, the codes that are stored and exported. */
export const callTypes = [
  "P2P_Internal",
  "P2P_External",
  "P2P_PSTN",
  "Conference_Internal",
  "Conference_External",
  "Conference_InternalWithExternal",
  "Queue",
] as const;
export type CallType = (typeof callTypes)[number];

/** Why audio is missing between two points of a recording. */
export const gapReasons = ["loss", "no_media", "hold", "paused", "recorder_restart", "disk", "decrypt", "late", "undecodable"] as const;
export type GapReason = (typeof gapReasons)[number];

export const InteractionId = Type.String({
  pattern: "^[0-9a-f]{24}$",
  description: "24 hexadecimal characters: 4 bytes of start seconds, 8 random bytes (CAP-24).",
});

export const Party = Type.Object(
  {
    name: Type.Union([Type.String(), Type.Null()], { description: "Display name, if one is known." }),
    address: Type.String({ description: "Address of record or number, as normalized (`sip:…`, `+1732…`)." }),
    upn: Type.Union([Type.String(), Type.Null()], { description: "User principal name where the party is a known person." }),
  },
  { title: "Party" },
);
export type Party = Static<typeof Party>;

const time = (description: string) => Type.String({ format: "date-time", description: `${description} UTC, milliseconds.` });
const timeOrNull = (description: string) => Type.Union([Type.String({ format: "date-time" }), Type.Null()], { description: `${description} UTC, milliseconds; null where it has not happened.` });
const partyOrNull = (description: string) => Type.Union([Party, Type.Null()], { description });

export const Interaction = Type.Object(
  {
    id: InteractionId,
    mediaStatus: MediaStatus,
    user: Type.Object(
      { name: Type.String(), upn: Type.Union([Type.String(), Type.Null()]), address: Type.String() },
      { description: "The recorded person whose interaction this is (CAP-15)." },
    ),
    calling: partyOrNull("Who placed the call (CAP-26)."),
    called: partyOrNull("Who was addressed (CAP-26)."),
    answering: partyOrNull("Who really answered (CAP-26)."),
    onBehalfOf: partyOrNull("For whom the call was made (CAP-27)."),
    transferredBy: partyOrNull("Who passed the call on (CAP-28)."),
    transferredTo: partyOrNull("Who got the call (CAP-28)."),
    participants: Type.Array(Party, { description: "All parties that were ever in the call (CAP-29)." }),
    startedAt: time("When the recorded person made or received the call (CAP-20)."),
    answeredAt: timeOrNull("When the called party answered (CAP-20)."),
    releasedAt: timeOrNull("When either side ended the call (CAP-20)."),
    durationMs: Type.Integer({ description: "Answer to release in milliseconds, 0 if unanswered (CAP-21). While the call runs: up to the moment of this answer." }),
    waitMs: Type.Integer({ description: "Start to answer in milliseconds (CAP-22); 0 if unanswered." }),
    direction: Type.Enum(directions),
    type: Type.Enum(callTypes, { description: "Call type code (CAP-16)." }),
    releaseCause: Type.Union([Type.Enum(releaseCauses), Type.Null()], { description: "Null while the call is active (CAP-18)." }),
    recordingType: Type.Literal("Full Time", { description: "OVR-09." }),
    sysCallId: Type.Union([Type.String(), Type.Null()], { description: "Original call id, the same for both ends (CAP-24)." }),
    sipCallId: Type.String({ description: "SIP Call-ID where there is one, else made by the recorder (CAP-24)." }),
    hasGaps: Type.Boolean({ description: "Whether any audio of this call is missing." }),
    sandbox: Type.Boolean({ description: "True where the call was placed by the sandbox." }),
    lastVerified: Type.Union([LastVerified, Type.Null()], { description: "When it was last held against its proof, by whom, and what came of it; null: never." }),
  },
  { title: "Interaction" },
);
export type Interaction = Static<typeof Interaction>;

const Span = Type.Tuple([Type.Integer(), Type.Integer()], { description: "[fromMs, toMs) from the start of the recording." });

export const Gap = Type.Object({
  fromMs: Type.Integer({ description: "From the start of the recording." }),
  toMs: Type.Integer(),
  reason: Type.Enum(gapReasons),
});
export type Gap = Static<typeof Gap>;

export const Track = Type.Object(
  {
    track: Type.Integer({ description: "Number of the track inside the recording, from 1; the last segment of its media address." }),
    participant: Type.Object({ name: Type.Union([Type.String(), Type.Null()]), aor: Type.String() }),
    mixed: Type.Boolean({ description: "The sender mixed several voices into one stream: `participant` then names all of them, addresses parted by a space, and they cannot be told apart." }),
    offsetMs: Type.Integer({ description: "Where the first sample of the track lies, from the start of the recording; the track's media address serves it from here." }),
    durationMs: Type.Integer({ description: "From the first to the last sample." }),
    codec: Type.String({ description: "Codec on the wire, such as `PCMU`; where it changed, each in the order in which it came: `PCMU, OPUS`." }),
    speech: Type.Array(Span, { description: "When the speaker really spoke (CAP-69)." }),
    gaps: Type.Array(Gap, { description: "Audio that should be there and is not." }),
  },
  { title: "Track" },
);
export type Track = Static<typeof Track>;

export const CallEvent = Type.Object({
  atMs: Type.Integer({ description: "From the start of the recording." }),
  kind: Type.Enum(["join", "leave", "hold", "retrieve", "transfer", "metadata"]),
  participant: Type.Union([Type.String(), Type.Null()], { description: "Address of the participant it is about." }),
  text: Type.String(),
});
export type CallEvent = Static<typeof CallEvent>;

export const InteractionDetail = Type.Intersect(
  [
    Interaction,
    Type.Object({
      recording: Type.Union(
        [
          Type.Object({
            id: InteractionId,
            startedAt: time("When recording began; every `…Ms` of tracks, gaps and events counts from here."),
            durationMs: Type.Integer(),
            fromMs: Type.Integer({ description: "This person's part of the recording begins here (CAP-51)." }),
            toMs: Type.Integer({ description: "…and ends here." }),
            manifestSha256: Type.Union([Type.String(), Type.Null()]),
            node: Type.String({ description: "Recorder that took the call." }),
          }),
          Type.Null(),
        ],
      ),
      tracks: Type.Array(Track),
      events: Type.Array(CallEvent),
      decision: Type.Object(
        { record: Type.Boolean(), reasons: Type.Array(Type.String()), ruleVersion: Type.String() },
        { description: "Why this call was recorded." },
      ),
      trunk: Type.Union([Type.String(), Type.Null()]),
      verification: Type.Union([Verification, Type.Null()], { description: "The whole of `lastVerified`." }),
    }),
  ],
  { title: "InteractionDetail" },
);
export type InteractionDetail = Static<typeof InteractionDetail>;

export const InteractionPage = Type.Object(
  {
    items: Type.Array(Interaction),
    next: Type.Union([Type.String(), Type.Null()], { description: "Pass as `after` for the next, older page; null at the end." }),
    total: Type.Optional(
      Type.Object(
        { count: Type.Integer(), exact: Type.Boolean() },
        { description: "How many match in all, on the first page only; `exact` is false where counting stopped (`10,000+`)." },
      ),
    ),
  },
  { title: "InteractionPage" },
);
export type InteractionPage = Static<typeof InteractionPage>;

/** Loudness of a track for drawing: the largest sample of every `stepMs`, 0…255. */
export const Peaks = Type.Object(
  {
    stepMs: Type.Integer(),
    tracks: Type.Array(
      Type.Object({
        track: Type.Integer(),
        peaks: Type.Array(Type.Integer()),
        keyPresses: Type.Optional(
          Type.Array(Type.Object({ atMs: Type.Integer(), key: Type.String({ description: "`0`…`9`, `*`, `#`, `A`…`D`." }), durationMs: Type.Integer() }), {
            description: "Keys pressed on the telephone (RFC 4733), at their time in the recording. Kept sealed with the audio, and told only to who may hear it. Absent in recordings made before they were kept.",
          }),
        ),
      }),
    ),
  },
  { title: "Peaks" },
);
export type Peaks = Static<typeof Peaks>;
