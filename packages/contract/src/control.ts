/**
 * What the command line and the server on the same machine say to each other: HTTP over a unix socket that only the server's own
 * user may open (places.ts says where).
 */
import { Type, type Static } from "typebox";

const slug = Type.String({ pattern: "^[a-z0-9][a-z0-9-]{0,62}$", description: "Short name of the tenant, as in addresses." });
/** What people type as a name; control characters are none of it. */
const name = (description: string) => Type.String({ minLength: 1, maxLength: 200, pattern: "^[^\\u0000-\\u001f\\u007f]*$", description });
const time = Type.String({ format: "date-time" });
const timeOrNull = Type.Union([time, Type.Null()]);

export const ApiKeyRequest = Type.Object(
  {
    tenant: slug,
    profile: Type.String({ minLength: 1, maxLength: 100, description: "Access profile whose rights the key has." }),
    name: name("What the key is for."),
  },
  { title: "ApiKeyRequest", additionalProperties: false },
);
export type ApiKeyRequest = Static<typeof ApiKeyRequest>;

export const ApiKeyCreated = Type.Object(
  { apiKeyId: Type.String(), key: Type.String({ description: "Shown this once; only its digest is kept." }) },
  { title: "ApiKeyCreated" },
);
export type ApiKeyCreated = Static<typeof ApiKeyCreated>;

export const ApiKeyInfo = Type.Object(
  {
    apiKeyId: Type.String(),
    name: Type.String(),
    profile: Type.String(),
    createdAt: time,
    lastUsedAt: timeOrNull,
    revokedAt: timeOrNull,
  },
  { title: "ApiKeyInfo" },
);
export type ApiKeyInfo = Static<typeof ApiKeyInfo>;

export const TenantRequest = Type.Object(
  {
    slug,
    name: name("Name as people read it."),
    m365TenantId: Type.Optional(Type.String({ format: "uuid", description: "Directory (tenant) id at Microsoft 365." })),
  },
  { title: "TenantRequest", additionalProperties: false },
);
export type TenantRequest = Static<typeof TenantRequest>;

/** `POST /tenants/{slug}/administrators` */
export const AdministratorRequest = Type.Object(
  {
    upn: Type.String({ pattern: "^[^@\\s\\u0000-\\u001f]+@[^@\\s\\u0000-\\u001f]+$", maxLength: 320, description: "User principal name; whoever is not there yet is made." }),
    name: Type.Optional(name("Name of whoever is made.")),
  },
  { title: "AdministratorRequest", additionalProperties: false },
);
export type AdministratorRequest = Static<typeof AdministratorRequest>;

export const AdministratorEnrolled = Type.Object({ url: Type.String({ description: "Shown this once." }), expiresAt: time }, { title: "AdministratorEnrolled" });
export type AdministratorEnrolled = Static<typeof AdministratorEnrolled>;

export const TenantInfo = Type.Object(
  {
    tenantId: Type.String(),
    slug: Type.String(),
    name: Type.String(),
    m365TenantId: Type.Union([Type.String(), Type.Null()]),
    sandbox: Type.Boolean(),
  },
  { title: "TenantInfo" },
);
export type TenantInfo = Static<typeof TenantInfo>;

export const NodeInfo = Type.Object(
  { nodeId: Type.String(), roles: Type.Array(Type.String()), version: Type.String(), startedAt: time, seenAt: time },
  { title: "NodeInfo" },
);
export type NodeInfo = Static<typeof NodeInfo>;

export const Status = Type.Object(
  {
    version: Type.String(),
    nodeId: Type.String(),
    ready: Type.Boolean(),
    reasons: Type.Array(Type.String()),
    warnings: Type.Array(Type.String(), { description: "What does not keep calls from being recorded and wants to be mended." }),
    runningCalls: Type.Integer(),
    nodes: Type.Array(NodeInfo),
  },
  { title: "Status" },
);
export type Status = Static<typeof Status>;

const trunkNetwork = Type.String({ minLength: 1, maxLength: 64, description: "An address or a network." });

/** What the command line asks of a new trunk; everything else is set in the portal. */
export const TrunkRequest = Type.Object({ name: name("Unique among the tenant's trunks."), networks: Type.Array(trunkNetwork, { maxItems: 200 }) }, { title: "TrunkRequest", additionalProperties: false });
export type TrunkRequest = Static<typeof TrunkRequest>;

export const NetworkRequest = Type.Object({ network: trunkNetwork }, { title: "NetworkRequest", additionalProperties: false });
export type NetworkRequest = Static<typeof NetworkRequest>;

/** The backups of the embedded database, as the running server sees them. */
export const BackupReport = Type.Object(
  {
    directory: Type.String(),
    cluster: Type.String({ description: "System identifier of the database cluster; its backups lie under this name." }),
    archivedUntil: timeOrNull,
    newestBaseAt: timeOrNull,
    warnings: Type.Array(Type.String()),
    run: Type.Union([
      Type.Object({
        reason: Type.String(),
        startedAt: time,
        state: Type.Union([Type.Literal("running"), Type.Literal("done"), Type.Literal("failed")]),
        step: Type.Union([Type.Literal("copying"), Type.Literal("verifying"), Type.Null()]),
        doneBytes: Type.Integer(),
        totalBytes: Type.Integer(),
        base: Type.Union([Type.String(), Type.Null()], { description: "name of the base backup that came of it" }),
        failure: Type.Union([Type.String(), Type.Null()]),
      }),
      Type.Null(),
    ]),
  },
  { title: "BackupReport" },
);
export type BackupReport = Static<typeof BackupReport>;

/** What can be seen of a database server's own backups from outside. */
export const BackupFinding = Type.Object(
  { verdict: Type.Union([Type.Literal("right"), Type.Literal("wrong"), Type.Literal("unknown")]), text: Type.String() },
  { title: "BackupFinding" },
);
export type BackupFinding = Static<typeof BackupFinding>;

export const ResumeRequest = Type.Object({ reason: Type.String({ minLength: 1, maxLength: 1_000, description: "Why the log goes on from what the database has; it stays in the evidence." }) }, { title: "ResumeRequest", additionalProperties: false });
export type ResumeRequest = Static<typeof ResumeRequest>;

export const LogKeyRequest = Type.Object(
  {
    reason: Type.String({ minLength: 1, maxLength: 1_000, description: "Why the log gets a new key; it stays in the evidence." }),
    oldKeyIsLost: Type.Boolean({ description: "Without a hand-over, because the old key is nowhere: everybody who verifies has to be told." }),
  },
  { title: "LogKeyRequest", additionalProperties: false },
);
export type LogKeyRequest = Static<typeof LogKeyRequest>;

export const LogKeyChanged = Type.Object(
  {
    vkey: Type.String({ description: "The new public key." }),
    fromSize: Type.Integer({ description: "Heads larger than this are signed by it." }),
    handover: Type.Union([Type.String(), Type.Null()], { description: "Note that both keys signed; null where the old one is lost." }),
  },
  { title: "LogKeyChanged" },
);
export type LogKeyChanged = Static<typeof LogKeyChanged>;

/** A file of the key directory, for escrow. It travels over the control socket only, whose owner could as well read the directory. */
export const KeyFile = Type.Object({ path: Type.String({ description: "In the key directory, with slashes." }), content: Type.String({ contentEncoding: "base64" }) }, { title: "KeyFile" });
export type KeyFile = Static<typeof KeyFile>;

export const KeyExport = Type.Object(
  { nodeId: Type.String(), exportedAt: time, directory: Type.Union([Type.Literal("keys"), Type.Literal("sandbox/keys")], { description: "Key directory in the data directory." }), files: Type.Array(KeyFile) },
  { title: "KeyExport" },
);
export type KeyExport = Static<typeof KeyExport>;

/** Where an installation keeps what a check of it reads. It travels over the control socket only, whose owner could as well read the server's environment. */
export const InstallationPlaces = Type.Object(
  {
    nodeId: Type.String(),
    dataDir: Type.String(),
    databaseUrl: Type.String(),
    poolUrl: Type.Union([Type.String(), Type.Null()]),
    witnesses: Type.Array(Type.Object({ url: Type.String(), vkey: Type.String() })),
  },
  { title: "InstallationPlaces" },
);
export type InstallationPlaces = Static<typeof InstallationPlaces>;

/**
 * What was done to the whole installation, perhaps while no server ran: a file of `<data>/acts`, of which the server makes a row of
 * evidence for each tenant, once, and which it then removes.
 */
export const InstallationAct = Type.Object(
  {
    id: Type.String({ format: "uuid", description: "So that an act is written down once, wherever a process ended." }),
    action: Type.Enum(["Import", "Backup Made", "Backup Failed", "Restored"]),
    item: Type.Enum(["Tenant", "Storage"]),
    by: Type.Enum(["command line", "backups"]),
    at: time,
    detail: Type.Record(Type.String(), Type.Unknown()),
  },
  { title: "InstallationAct", additionalProperties: false },
);
export type InstallationAct = Static<typeof InstallationAct>;
