import { Type, type Static, type TSchema } from "typebox";
import { Value } from "typebox/value";
import { GraphError, foreignText } from "./graph-error.ts";

/* Shapes of Graph's answers, whatever they are about. Whoever answers in Graph's place controls every byte. */

/** Twice what Graph puts on a page at most. */
const mostItems = 2_000;

const Envelope = Type.Object({
  value: Type.Array(Type.Unknown(), { maxItems: mostItems }),
  "@odata.nextLink": Type.Optional(Type.String()),
  "@odata.deltaLink": Type.Optional(Type.String()),
});

export const BatchReply = Type.Object({
  responses: Type.Array(
    Type.Object({
      id: Type.String(),
      status: Type.Integer({ minimum: 100, maximum: 599 }),
      headers: Type.Optional(Type.Record(Type.String(), Type.String())),
      body: Type.Optional(Type.Unknown()),
    }),
  ),
});

const ErrorShape = Type.Object({
  error: Type.Object({
    code: Type.String(),
    message: Type.Optional(Type.String()),
    innerError: Type.Optional(Type.Object({ "request-id": Type.Optional(Type.String()) })),
  }),
});

/** An error's own words; empty where it has none, as a proxy's page has. */
export function readError(body: unknown): { readonly code: string; readonly message: string; readonly requestId: string } {
  if (!Value.Check(ErrorShape, body)) return { code: "", message: "", requestId: "" };
  const { code, message = "", innerError } = body.error;
  return { code, message, requestId: innerError?.["request-id"] ?? "" };
}

export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new GraphError("malformed", where, `the answer is no JSON; it begins “${foreignText(text, 60)}”`, { status: 200 });
  }
}

/** Checked, and otherwise as it came; what nobody asked for stays in it. */
export function parseAs<T extends TSchema>(schema: T, body: unknown, where: string, at = ""): Static<T> {
  if (Value.Check(schema, body)) return body;
  const first = Value.Errors(schema, body)[0];
  throw new GraphError("malformed", where, `the answer is not of the known shape: ${at}${foreignText(first?.instancePath ?? "", 100) || "it"} ${first?.message ?? "is wrong"}`);
}

export function pageOf<T extends TSchema>(body: unknown, item: T, where: string): { items: Static<T>[]; nextLink: string | null; deltaLink: string | null } {
  const { value, "@odata.nextLink": nextLink = null, "@odata.deltaLink": deltaLink = null } = parseAs(Envelope, body, where);
  return { items: value.map((each, index) => parseAs(item, each, where, `/value/${index}`)), nextLink, deltaLink };
}
