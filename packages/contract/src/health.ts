import { Type, type Static } from "typebox";

/** `GET /api/v1/health`: may calls, or people, be sent here? 200 when ready, 503 otherwise. Open to load balancers, so it says no more. */
export const Health = Type.Object(
  {
    ready: Type.Boolean({ description: "True when a call sent now would be recorded; with `of=portal`, when people can be served." }),
    reasons: Type.Array(Type.String(), { description: "Why not, in words; empty when ready." }),
    warnings: Type.Array(Type.String(), { description: "What keeps no call from being recorded and still has to be looked at, in words." }),
  },
  { title: "Health" },
);
export type Health = Static<typeof Health>;
