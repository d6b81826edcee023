import { Type, type Static } from "typebox";
import { directions, mediaStatuses } from "./interaction.ts";

/** No text of ours holds U+0000, and the database takes none. */
const withoutNul = "^[^\\u0000]*$";

/** Filters of `GET /api/v1/interactions`. They combine with AND; several values of one filter with OR (INT-09). */
export const InteractionQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50, description: "Rows of one page." })),
    after: Type.Optional(Type.String({ maxLength: 200, description: "`next` of the page before; nothing may be read into it." })),
    status: Type.Optional(
      Type.Array(Type.Enum(mediaStatuses), { maxItems: mediaStatuses.length, description: "Only these states of the audio; may be repeated." }),
    ),
    direction: Type.Optional(
      Type.Array(Type.Enum(directions), { maxItems: directions.length, description: "Only these directions; may be repeated." }),
    ),
    q: Type.Optional(
      Type.String({ minLength: 1, maxLength: 200, pattern: withoutNul, description: "Part of a name, address or number of any party; case and accents do not matter (INT-18)." }),
    ),
    sipCallId: Type.Optional(Type.String({ minLength: 1, maxLength: 512, pattern: withoutNul, description: "Exactly this SIP Call-ID." })),
    from: Type.Optional(Type.String({ format: "date-time", description: "Started at this moment or later." })),
    to: Type.Optional(Type.String({ format: "date-time", description: "Started at this moment or earlier (INT-12: bounds are inclusive)." })),
  },
  { title: "InteractionQuery", additionalProperties: false },
);
export type InteractionQuery = Static<typeof InteractionQuery>;
