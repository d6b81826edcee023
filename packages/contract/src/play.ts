import { Type, type Static } from "typebox";

/** `POST /api/v1/interactions/{id}/plays`: says that somebody starts to listen, before the first byte is sent. */
export const PlayRequest = Type.Object(
  {
    track: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1, maximum: 10_000 }), Type.Null()], {
        description: "Track that will be played alone; null or absent: all speakers.",
      }),
    ),
  },
  { title: "PlayRequest", additionalProperties: false },
);
export type PlayRequest = Static<typeof PlayRequest>;

export const Play = Type.Object(
  { playId: Type.String({ format: "uuid", description: "Pass as `play` with the media requests that belong to this play; good for twelve hours." }) },
  { title: "Play" },
);
export type Play = Static<typeof Play>;
