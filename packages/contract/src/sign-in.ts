import { Type, type Static } from "typebox";

/*
 * Sessions of the portal: which are open, how long they last, and whether a person may sign in at all.
 */

const closed = { additionalProperties: false };
const moment = (description: string) => Type.String({ format: "date-time", description });

export const OpenSession = Type.Object(
  {
    id: Type.String({ format: "uuid" }),
    since: moment("When the person signed in."),
    lastSeen: moment("When it was last used, to the minute. A page that is only open does not use it."),
    until: moment("When it ends at the latest."),
    remoteAddress: Type.Union([Type.String(), Type.Null()], { description: "Where it was begun." }),
    userAgent: Type.Union([Type.String(), Type.Null()], { description: "The browser, as it names itself." }),
    current: Type.Boolean({ description: "Whether it is the session that asks." }),
  },
  { title: "OpenSession" },
);
export type OpenSession = Static<typeof OpenSession>;

export const OpenSessions = Type.Object({ sessions: Type.Array(OpenSession) }, { title: "OpenSessions" });
export type OpenSessions = Static<typeof OpenSessions>;

/** `DELETE …/sessions` */
export const EndedSessions = Type.Object({ ended: Type.Integer({ description: "How many sessions that was." }) }, { title: "EndedSessions" });
export type EndedSessions = Static<typeof EndedSessions>;

/** USR-17. */
export const PortalEntrySettings = Type.Object(
  {
    portalAccess: Type.Boolean({ description: "Whether the person may sign in. Switched off, open sessions end at once." }),
    validTill: Type.Union([Type.String({ format: "date" }), Type.Null()], { description: "The last day on which the person may sign in, in UTC; null: no end." }),
  },
  { ...closed, title: "PortalEntrySettings" },
);
export type PortalEntrySettings = Static<typeof PortalEntrySettings>;

/** `GET /api/v1/people/{id}/sign-in` */
export const PersonSignIn = Type.Object(
  {
    settings: PortalEntrySettings,
    accounts: Type.Array(Type.Object({ issuer: Type.String(), subject: Type.String() }), { description: "Accounts at identity providers that came by this person's name for the first time; since then nobody else comes by it." }),
    local: Type.Union([Type.Object({ since: moment("When it was set up.") }), Type.Null()], { description: "Whether the person has a password and one-time codes here." }),
    enrollment: Type.Union([Type.Object({ expiresAt: moment("When it stops working.") }), Type.Null()], { description: "An enrollment to that which nobody used yet." }),
    sessions: Type.Array(OpenSession),
  },
  { title: "PersonSignIn" },
);
export type PersonSignIn = Static<typeof PersonSignIn>;

/** Bounds of both, which the database holds too. */
export const sessionBounds = { idleMinutes: [5, 1_440], wholeMinutes: [15, 10_080] } as const;

/** `GET /api/v1/session-limits` */
export const SessionLimits = Type.Object(
  {
    idleMinutes: Type.Integer({ minimum: sessionBounds.idleMinutes[0], maximum: sessionBounds.idleMinutes[1], description: "Minutes without use after which a session ends." }),
    wholeMinutes: Type.Integer({ minimum: sessionBounds.wholeMinutes[0], maximum: sessionBounds.wholeMinutes[1], description: "Minutes after which it ends in any case; not fewer than the others." }),
  },
  { ...closed, title: "SessionLimits" },
);
export type SessionLimits = Static<typeof SessionLimits>;

/* Accounts of our own: a password and a one-time code, set by an enrollment (USR-21). */

const line = (maxLength: number, description: string) => Type.String({ minLength: 1, maxLength, pattern: "^[^\\u0000-\\u001f\\u007f]*$", description });
const code = Type.String({ pattern: "^[0-9]{6}$", description: "The six digits that the authenticator app shows." });
const password = Type.String({ minLength: 1, maxLength: 200 });

export const SignInWays = Type.Object({ provider: Type.Boolean({ description: "Whether people sign in with an identity provider." }) }, { title: "SignInWays" });
export type SignInWays = Static<typeof SignInWays>;

export const LocalSignIn = Type.Object({ tenant: line(63, "Short name of the organization."), upn: line(320, "User principal name."), password, code }, { ...closed, title: "LocalSignIn" });
export type LocalSignIn = Static<typeof LocalSignIn>;

export const SignedIn = Type.Object({ signedIn: Type.Boolean({ description: "False where the person may not enter just now." }) }, { title: "SignedIn" });
export type SignedIn = Static<typeof SignedIn>;

/** Answered this once. */
export const Enrollment = Type.Object({ url: Type.String({ description: "To hand to the person, by a way that only they read." }), expiresAt: moment("When the link stops working, if nobody uses it.") }, { title: "Enrollment" });
export type Enrollment = Static<typeof Enrollment>;

const enrollment = Type.String({ maxLength: 200, description: "What stands behind the `#` of the link." });
export const EnrollmentText = Type.Object({ enrollment }, { ...closed, title: "EnrollmentText" });

export const EnrollmentLook = Type.Object(
  {
    person: Type.Object({ name: Type.String(), upn: Type.String() }),
    tenant: Type.Object({ name: Type.String(), slug: Type.String() }),
    code: Type.Object({ secret: Type.String({ description: "In base 32, to be typed into an authenticator app." }), uri: Type.String({ description: "The same as `otpauth://`." }) }),
    setup: Type.String({ description: "Comes back with the acceptance, within half an hour." }),
  },
  { title: "EnrollmentLook" },
);
export type EnrollmentLook = Static<typeof EnrollmentLook>;

export const EnrollmentAccept = Type.Object({ enrollment, setup: Type.String({ maxLength: 2_000 }), password, code }, { ...closed, title: "EnrollmentAccept" });
export type EnrollmentAccept = Static<typeof EnrollmentAccept>;
