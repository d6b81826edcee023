import { Type, type Static } from "typebox";
import { InteractionId } from "./interaction.ts";
import { InteractionQuery } from "./query.ts";

const { from, to, q, sipCallId } = InteractionQuery.properties;

/** Interactions of one bundle. */
export const mostBundledInteractions = 1_000;

/** `POST /api/v1/evidence-bundles`: which interactions, and why. */
export const EvidenceBundleRequest = Type.Object(
  {
    reason: Type.String({ minLength: 1, maxLength: 1_000, pattern: "^[^\\u0000-\\u001f\\u007f]*[^\\s\\u0000-\\u001f\\u007f][^\\u0000-\\u001f\\u007f]*$", description: "Why; it stands in the log, and in the bundle, for good." }),
    interactions: Type.Optional(Type.Array(InteractionId, { minItems: 1, maxItems: mostBundledInteractions, uniqueItems: true, description: "Either these …" })),
    filter: Type.Optional(
      Type.Object({ from, to, q, sipCallId }, { additionalProperties: false, minProperties: 1, description: "… or all that these find." }),
    ),
    vcon: Type.Optional(Type.Boolean({ description: "With a vCon of each interaction (IETF draft)." })),
  },
  { title: "EvidenceBundleRequest", additionalProperties: false },
);
export type EvidenceBundleRequest = Static<typeof EvidenceBundleRequest>;
