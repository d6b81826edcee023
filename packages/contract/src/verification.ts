import { Type, type Static } from "typebox";

/** `incomplete`: nothing that was checked differs, and what matters was not checked to the end. */
export const verificationResults = ["holds", "differs", "incomplete"] as const;
export type VerificationResult = (typeof verificationResults)[number];

/** A person's browser, the check of what an export hands out, or the job that goes through the store. */
export const verificationMeans = ["browser", "export", "fsck"] as const;
export type VerificationMeans = (typeof verificationMeans)[number];

/** Sentences of one kind that are kept of a verification, and how long each may be. */
export const mostVerificationSentences = 40;
export const mostVerificationSentenceLength = 500;

const result = Type.Enum(verificationResults, { description: "`holds`: everything that was checked holds. `differs`: something does not. `incomplete`: what was checked holds, and it was not all." });
const means = Type.Enum(verificationMeans, { description: "What checked it: the `browser` of whoever is named, an `export`'s own check, or the `fsck` job." });
const by = Type.Object({ kind: Type.String({ description: "`person`, `api_key`, `machine` or `job`." }), name: Type.String() });
const sentences = (description: string) => Type.Array(Type.String({ minLength: 1, maxLength: mostVerificationSentenceLength }), { maxItems: mostVerificationSentences, description });
const checkpoint = Type.Union(
  [
    Type.Object({
      size: Type.Integer({ minimum: 0, description: "Rows of the log." }),
      root: Type.String({ pattern: "^[0-9a-f]{64}$", description: "Root of its tree." }),
    }),
    Type.Null(),
  ],
  { description: "Head of the log that it was held against; null where there was none to rely on." },
);

export const LastVerified = Type.Object({ at: Type.String({ format: "date-time" }), result, means, by }, { title: "LastVerified" });
export type LastVerified = Static<typeof LastVerified>;

export const Verification = Type.Object(
  { at: Type.String({ format: "date-time" }), result, means, by, checked: sentences("What was looked at, in words."), differing: sentences("What does not hold, in words."), checkpoint },
  { title: "Verification" },
);
export type Verification = Static<typeof Verification>;

/** `POST /api/v1/interactions/{id}/verifications`: what the caller's browser found. */
export const VerificationReport = Type.Object(
  { result, checked: sentences("What was looked at, in words."), differing: sentences("What does not hold, in words; empty unless the result is `differs`."), checkpoint },
  { title: "VerificationReport", additionalProperties: false },
);
export type VerificationReport = Static<typeof VerificationReport>;
