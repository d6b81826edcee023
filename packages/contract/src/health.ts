import { Type, type Static } from "typebox";

/** `GET /api/v1/health`: may a call be sent here? 200 when ready to record, 503 otherwise. Open to load balancers, so it says no more. */
export const Health = Type.Object(
  {
    ready: Type.Boolean({ description: "True when a call sent now would be recorded." }),
    reasons: Type.Array(Type.String(), { description: "Why not, in words; empty when ready." }),
  },
  { title: "Health" },
);
export type Health = Static<typeof Health>;
