import { Type, type Static } from "typebox";

const time = Type.String({ format: "date-time" });
const base64 = (description: string) => Type.String({ contentEncoding: "base64", description });

/** A head of the log that was kept: what is published, witnessed and proved against. */
export const Checkpoint = Type.Object(
  {
    size: Type.Integer({ minimum: 0, description: "Rows that it covers." }),
    root: base64("Merkle root of their leaves (RFC 6962)."),
    note: Type.String({ description: "The signed note (C2SP tlog-checkpoint), with the lines of witnesses that have cosigned it." }),
    keptAt: time,
    cosignatures: Type.Array(Type.String(), { description: "Names of the witnesses whose lines stand in the note; whether they hold is checked with the witnesses' keys." }),
    timestamped: Type.Boolean({ description: "Whether a timestamp authority has signed it (RFC 3161)." }),
  },
  { title: "Checkpoint" },
);
export type Checkpoint = Static<typeof Checkpoint>;

export const CheckpointPage = Type.Object({ items: Type.Array(Checkpoint), next: Type.Union([Type.Integer(), Type.Null()], { description: "`before` of the next page; null on the last." }) }, { title: "CheckpointPage" });
export type CheckpointPage = Static<typeof CheckpointPage>;

export const LogKey = Type.Object(
  {
    vkey: Type.String({ description: "The public key as verifiers take it (C2SP signed-note)." }),
    fromSize: Type.Integer({ description: "Heads larger than this are signed by it." }),
    createdAt: time,
    retiredAt: Type.Union([time, Type.Null()]),
  },
  { title: "LogKey" },
);
export type LogKey = Static<typeof LogKey>;

/** The log of a tenant's evidence, as it stands now. */
export const LogState = Type.Object(
  {
    origin: Type.Union([Type.String(), Type.Null()], { description: "Name of the log; null before the first row." }),
    size: Type.Integer({ description: "Rows that have their place." }),
    waiting: Type.Object({ rows: Type.Integer({ description: "How many." }), oldest: Type.Union([time, Type.Null()]) }, { description: "Rows that have none yet." }),
    head: Type.Union([Type.String(), Type.Null()], { description: "The newest signed head, a note. It is not published: only kept checkpoints are." }),
    signedAt: Type.Union([time, Type.Null()]),
    keys: Type.Array(LogKey),
    checkpoint: Type.Union([Checkpoint, Type.Null()], { description: "The newest kept one." }),
    stopped: Type.Union([Type.String(), Type.Null()], { description: "Why nothing is signed just now, in words; null when all is well, or this node does not keep the log." }),
  },
  { title: "LogState" },
);
export type LogState = Static<typeof LogState>;

export const EvidenceRow = Type.Object(
  {
    tenantId: Type.String(),
    evidenceId: Type.String(),
    recordedAt: time,
    occurredAt: time,
    nodeId: Type.String(),
    actor: Type.Object({ kind: Type.String(), id: Type.String(), name: Type.String() }),
    action: Type.String(),
    item: Type.String(),
    subject: Type.Union([Type.String(), Type.Null()]),
    remoteAddress: Type.Union([Type.String(), Type.Null()]),
    reason: Type.Union([Type.String(), Type.Null()]),
    detail: Type.Unknown(),
  },
  { title: "EvidenceRow" },
);

/** A row of evidence, and the proof that it is in the log. */
export const EvidenceProof = Type.Object(
  {
    row: EvidenceRow,
    salt: Type.Union([base64("What the row is committed to with; null once it was erased."), Type.Null()]),
    erasedBy: Type.Union([Type.String(), Type.Null()], { description: "Id of the row that says who erased this one, and why." }),
    place: Type.Integer({ description: "Index of its leaf, from 0." }),
    entry: base64("The log's entry at that place: SHA-256 over salt and canonical row."),
    proof: Type.String({ description: "C2SP tlog-proof: from the leaf to the root of the newest kept checkpoint, which is part of it." }),
  },
  { title: "EvidenceProof" },
);
export type EvidenceProof = Static<typeof EvidenceProof>;

export const ConsistencyProof = Type.Object(
  { first: Type.Integer({ description: "Rows of the earlier log." }), second: Type.Integer({ description: "Rows of the later log." }), proof: Type.Array(base64("One hash of the proof (RFC 6962)."), { description: "That the log of `first` rows is a beginning of the log of `second` rows." }) },
  { title: "ConsistencyProof" },
);
export type ConsistencyProof = Static<typeof ConsistencyProof>;
