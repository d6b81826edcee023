import { Type, type Static } from "typebox";

/** RFC 9457 problem details, the body of every error answer (`application/problem+json`). */
export const Problem = Type.Object(
  {
    type: Type.String({ description: "URI that names the kind of problem, `urn:earwitness:problem:<code>`." }),
    title: Type.String({ description: "Short sentence, the same for every problem of this kind." }),
    status: Type.Integer({ description: "HTTP status of the answer." }),
    detail: Type.Optional(Type.String({ description: "What was wrong here, and what to do." })),
    instance: Type.Optional(Type.String({ description: "Id of the request, also in the server's log." })),
    code: Type.String({ description: "Stable machine-readable code, UPPER_SNAKE." }),
    errors: Type.Optional(
      Type.Array(
        Type.Object({ where: Type.String(), message: Type.String() }),
        { description: "One entry for each wrong field." },
      ),
    ),
  },
  { title: "Problem" },
);
export type Problem = Static<typeof Problem>;
