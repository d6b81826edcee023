import { Type, type Static } from "typebox";
import { levelNames } from "./access.ts";

/** `GET /api/v1/session`: who is signed in. */
export const SessionInfo = Type.Object(
  {
    person: Type.Object({ name: Type.String(), upn: Type.String() }),
    tenant: Type.Object({ id: Type.String(), name: Type.String(), slug: Type.String() }),
    profile: Type.String({ description: "Role and access profiles in one line, such as `Supervisor, Sales EU`." }),
    permissions: Type.Array(Type.String()),
    level: Type.Enum(levelNames, { description: "Whose calls the permissions hold for." }),
    sandbox: Type.Boolean({ description: "True where this installation contains the sandbox; the portal says so on every page." }),
  },
  { title: "SessionInfo" },
);
export type SessionInfo = Static<typeof SessionInfo>;
