import { Type, type Static } from "typebox";

/*
 * Trunks: where recorded calls come from. A trunk is one session border controller, or a group of them that behave alike.
 */

const closed = { additionalProperties: false };
const text = (maxLength: number, description: string) => Type.String({ minLength: 1, maxLength, pattern: "^[^\\u0000-\\u001f\\u007f]*$", description });
const orNull = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T, description: string) => Type.Union([schema, Type.Null()], { description });

export const TrunkId = Type.String({ format: "uuid", description: "Id of the trunk." });

/** A regular expression in RE2 syntax: it cannot hang. */
const Expression = text(500, "Regular expression in RE2 syntax. It is searched for; use `^` and `$` to match the whole.");

export const NumberRules = Type.Object(
  {
    countryCode: orNull(Type.String({ pattern: "^[1-9][0-9]{0,2}$" }), "Put before national numbers, without `+`, such as `49`; null: numbers without a country stay as they are."),
    internationalPrefix: orNull(Type.String({ pattern: "^[0-9]{1,5}$" }), "What is dialed before a country code, such as `00` or `011`; it becomes `+`."),
    nationalPrefix: orNull(Type.String({ pattern: "^[0-9]{1,3}$" }), "Trunk prefix of national numbers, such as `0`; it is replaced by the country code."),
    rewrites: Type.Array(
      Type.Object({ match: Expression, replace: Type.String({ maxLength: 200, description: "What stands instead; `$1` is the first group." }) }, closed),
      { maxItems: 50, description: "Applied in this order, each once, to the user part of every address, before the prefixes." },
    ),
  },
  { ...closed, title: "NumberRules", description: "How the trunk's numbers become E.164." },
);
export type NumberRules = Static<typeof NumberRules>;

/** Ways from a participant of a call to a person; the first that finds one wins. */
export const PersonMatch = Type.Union(
  [
    Type.Object({ by: Type.Literal("address") }, { ...closed, description: "The whole address of record is one of the person's addresses, or their UPN for a domain the trunk vouches for." }),
    Type.Object({ by: Type.Literal("number") }, { ...closed, description: "The number, normalized, is one of the person's." }),
    Type.Object({ by: Type.Literal("extension"), digits: Type.Integer({ minimum: 3, maximum: 15 }) }, { ...closed, description: "The last digits of the number are an extension of the person (CAP-75)." }),
    Type.Object({ by: Type.Literal("pattern"), match: Expression, address: text(500, "The person's address or number; `$1` is the first group.") }, { ...closed, description: "An expression makes the person's address of the participant's." }),
  ],
  { title: "PersonMatch" },
);
export type PersonMatch = Static<typeof PersonMatch>;

/** What a person decides of a trunk; `PUT` takes all of it. */
export const TrunkSettings = Type.Object(
  {
    name: text(200, "Unique among the tenant's trunks."),
    enabled: Type.Boolean({ description: "A trunk that is off is refused." }),
    sourceNetworks: Type.Array(text(64, "An address or a network, such as `192.0.2.7` or `192.0.2.0/24`."), { maxItems: 200, description: "Who may send. Empty: nobody." }),
    transport: Type.Enum(["any", "tls"], { description: "`tls`: what comes over UDP or plain TCP is refused." }),
    media: Type.Enum(["any", "srtp"], { description: "`srtp`: media in the clear is refused." }),
    certificates: Type.Array(Type.String({ minLength: 1, maxLength: 20_000 }), {
      maxItems: 20,
      description: "PEM, each the client's certificate or that of an authority that issued it. Not empty: a client without one of them is refused, also over other transports.",
    }),
    personDomains: Type.Array(text(255, "A domain."), { maxItems: 200, description: "`user@domain` of these is read as a UPN." }),
    numbers: NumberRules,
    matching: Type.Array(PersonMatch, { minItems: 1, maxItems: 20, description: "How participants become people." }),
    unknown: Type.Enum(["ignore", "record"], { description: "What becomes of a participant nobody knows: `record` gives them an interaction of their own." }),
  },
  { ...closed, title: "TrunkSettings" },
);
export type TrunkSettings = Static<typeof TrunkSettings>;

export const Trunk = Type.Object(
  {
    id: TrunkId,
    createdAt: Type.String({ format: "date-time", description: "When it was set up. Of trunks that name the same network, the oldest gets the calls to an address that is no trunk's." }),
    settings: TrunkSettings,
    recordingUser: Type.String({ description: "User part of the trunk's own recording address, `sip:<recordingUser>@<host>`. A client that calls this address is known as the trunk's, also where it is refused." }),
    addresses: Type.Array(Type.String(), { description: "Recording addresses to configure in the client, one for each transport that is open, `sips:` or with `;transport=`." }),
    digest: orNull(Type.Object({ username: Type.String(), realm: Type.String(), setAt: Type.String({ format: "date-time" }) }), "Digest authentication (RFC 8760). Null: clients are not asked."),
    lastInvitation: orNull(
      Type.Object({ at: Type.String({ format: "date-time" }), outcome: Type.Enum(["recorded", "ignored", "refused"]), explanation: Type.String() }),
      "What came last.",
    ),
    certificateProblems: Type.Array(Type.String(), { description: "In words: a certificate that is about to expire, or has." }),
  },
  { title: "Trunk" },
);
export type Trunk = Static<typeof Trunk>;

export const TrunkPage = Type.Object({ trunks: Type.Array(Trunk), takesTls: Type.Boolean({ description: "Whether the installation has a port open for SIP over TLS. False: a trunk that asks for TLS, or for a certificate, is refused whatever it sends." }) }, { title: "TrunkPage" });
export type TrunkPage = Static<typeof TrunkPage>;

/** Answer to `POST /api/v1/trunks/{id}/digest`: shown once, kept nowhere. */
export const DigestSecret = Type.Object({ username: Type.String(), password: Type.String(), realm: Type.String() }, { title: "DigestSecret" });
export type DigestSecret = Static<typeof DigestSecret>;

/** `POST /api/v1/trunks/try`: what a draft would make of sample participants. Nothing is saved. */
export const TrunkTrial = Type.Object(
  { settings: TrunkSettings, samples: Type.Array(Type.String({ minLength: 1, maxLength: 500 }), { minItems: 1, maxItems: 20, description: "Addresses as the client writes them: `sip:…`, `tel:…`, numbers." }) },
  { ...closed, title: "TrunkTrial" },
);
export type TrunkTrial = Static<typeof TrunkTrial>;

export const TrunkTrialResult = Type.Object(
  {
    results: Type.Array(
      Type.Object({
        sample: Type.String(),
        address: Type.String({ description: "As it would stand in the interaction." }),
        person: orNull(Type.Object({ id: Type.String(), name: Type.String(), recorded: Type.Boolean() }), "Who it would be."),
        explanation: Type.String({ description: "Which rule said so, in words." }),
      }),
    ),
  },
  { title: "TrunkTrialResult" },
);
export type TrunkTrialResult = Static<typeof TrunkTrialResult>;

/** Why an invitation was answered as it was. Stable; `explanation` says it in words. */
export const invitationReasons = [
  "RECORDING",
  "NOT_TO_BE_RECORDED",
  "SOURCE_NOT_ALLOWED",
  "TRUNK_OFF",
  "TLS_REQUIRED",
  "CERTIFICATE_MISSING",
  "CERTIFICATE_UNKNOWN",
  "CREDENTIALS_MISSING",
  "CREDENTIALS_WRONG",
  "SRTP_REQUIRED",
  "NO_USABLE_MEDIA",
  "NO_OFFER",
  "EXTENSION_REQUIRED",
  "MALFORMED",
  "TOO_LARGE",
  "CANNOT_RECORD_NOW",
  "CANCELLED",
  "INTERNAL",
] as const;
export type InvitationReason = (typeof invitationReasons)[number];

/** What became of an invitation. */
export const invitationOutcomes = ["recorded", "ignored", "refused"] as const;
export type InvitationOutcome = (typeof invitationOutcomes)[number];

/** Somebody in a call whom the directory does not know. */
export const UnknownParty = Type.Object(
  {
    address: Type.String({ description: "As the trunk's rules read it; a person who has it is known by it from then on." }),
    name: orNull(Type.String(), "As the client told it; null where it told none."),
  },
  { title: "UnknownParty" },
);
export type UnknownParty = Static<typeof UnknownParty>;

export const Invitation = Type.Object(
  {
    id: Type.String({ format: "uuid" }),
    at: Type.String({ format: "date-time" }),
    trunk: orNull(Type.Object({ id: Type.String(), name: Type.String() }), "Null where it could not be told."),
    node: Type.String({ description: "Which recorder answered." }),
    remoteAddress: Type.String({ description: "`address:port` the request came from." }),
    transport: Type.Enum(["udp", "tcp", "tls"]),
    sipCallId: Type.String(),
    client: orNull(Type.String(), "User-Agent of the client."),
    status: Type.Integer({ description: "SIP status of the answer." }),
    outcome: Type.Enum(invitationOutcomes),
    reason: Type.Enum(invitationReasons),
    explanation: Type.String({ description: "What was wrong, in words, and what to do." }),
    repeated: Type.Integer({ description: "How many more came from the same address with the same result within a minute." }),
    interactionIds: Type.Array(Type.String(), { description: "What came of it." }),
    unknownParties: Type.Array(UnknownParty, { description: "Of a call that was not recorded: who in it is nobody that the directory knows, ten of them at most. Whoever is added as a person with the address is recorded from the next call on." }),
    hasTrace: Type.Boolean(),
  },
  { title: "Invitation" },
);
export type Invitation = Static<typeof Invitation>;

/** `GET /api/v1/trunks/invitations?trunk=…`; newest first. The trace is `GET /api/v1/trunks/invitations/{id}/trace`, `text/plain`. */
export const InvitationPage = Type.Object({ invitations: Type.Array(Invitation) }, { title: "InvitationPage" });
export type InvitationPage = Static<typeof InvitationPage>;
