/** The only reader of the environment. One table; every mistake is printed at once, before anything starts. */
import { isIP } from "node:net";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { isOid, noteTypes, parseVkey, type NoteKey } from "@earwitness/verify";

export interface Config {
  readonly http: { readonly host: string; readonly port: number; readonly publicUrl: string; readonly trustedProxies: readonly string[] };
  readonly sip: {
    readonly host: string;
    readonly port: number;
    readonly advertisedAddress: string | null;
    /** Null: no certificate, so no port. */
    readonly tls: { readonly port: number; readonly certificatePath: string; readonly keyPath: string; readonly authoritiesPath: string | null } | null;
  };
  readonly rtp: { readonly host: string; readonly fromPort: number; readonly toPort: number; readonly workers: number | null; readonly udp: "batch" | "dgram" | null };
  /** As configured: process lock and control socket, one for whatever runs here. */
  readonly baseDir: string;
  /** Where everything else lies. The sandbox has a place of its own inside, so that a start without it is clean. */
  readonly dataDir: string;
  readonly database: { readonly url: string | null; readonly poolUrl: string | null };
  /** Null: the embedded database is not backed up. */
  readonly backup: { readonly dir: string; readonly everyHours: number; readonly keepDays: number } | null;
  readonly keystoreBackup: { readonly dir: string; readonly keepDays: number } | null;
  readonly nodeId: string | null;
  readonly roles: readonly Role[];
  readonly logLevel: string;
  readonly provisionFile: string | null;
  /** Where Microsoft 365 directories are read, and where apps sign in for it. */
  readonly graph: { readonly graphUrl: string; readonly loginUrl: string };
  readonly oidc: { readonly issuer: string; readonly clientId: string; readonly clientSecret: string | null; readonly tenant: string | null } | null;
  readonly limits: { readonly calls: number; readonly spoolFreeBytes: number; readonly uploadQuotaBytes: number };
  /** How often checkpoints of the logs are kept, while they grow. */
  readonly checkpointMs: number;
  readonly witnesses: readonly { readonly url: string; readonly key: NoteKey }[];
  readonly timestamps: { readonly url: string; readonly authoritiesPath: string | null; readonly policy: string | null } | null;
  readonly sandbox: boolean;
}

export type Role = "portal" | "recorder" | "worker";
const roles: readonly Role[] = ["portal", "recorder", "worker"];

/** Key, meaning, default: docs/configuration.md is generated from this table. */
export const keys = {
  EARWITNESS_HTTP_PORT: { about: "Port of the portal and the API.", fallback: "8080" },
  EARWITNESS_HTTP_HOST: { about: "Address the portal and the API listen on. Put a TLS proxy in front before opening it to others.", fallback: "127.0.0.1" },
  EARWITNESS_PUBLIC_URL: { about: "Address under which browsers reach the portal; sign-in returns here.", fallback: "http://localhost:<EARWITNESS_HTTP_PORT>" },
  EARWITNESS_TRUSTED_PROXIES: { about: "Addresses or networks of reverse proxies whose X-Forwarded-For, -Proto and -Host are believed, separated by commas.", fallback: "none: the address that connects is the caller's" },
  EARWITNESS_SIP_PORT: { about: "Port for SIP over UDP and TCP.", fallback: "5060" },
  EARWITNESS_SIP_TLS_PORT: { about: "Port for SIP over TLS 1.2 and 1.3. It is open where there is a certificate.", fallback: "5061" },
  EARWITNESS_SIP_TLS_CERT: { about: "PEM file with this recorder's certificate for SIP over TLS, followed by those between it and its root. It is read again when it changes, without a restart.", fallback: "none: no SIP over TLS" },
  EARWITNESS_SIP_TLS_KEY: { about: "PEM file with the certificate's private key, without a passphrase.", fallback: "none" },
  EARWITNESS_SIP_TLS_CA: { about: "PEM file with authorities. Where the recorder has to connect to a client, because its connection died in the middle of a call, the client must show a certificate of one of them, or the one it had shown.", fallback: "none: a client that had shown a certificate must show the same, others are not checked" },
  EARWITNESS_SIP_HOST: { about: "Address SIP listens on.", fallback: "0.0.0.0 (127.0.0.1 with the sandbox)" },
  EARWITNESS_MEDIA_ADDRESS: { about: "Address written into SDP answers, where recorders sit behind a translated address.", fallback: "the local address that faces the sender" },
  EARWITNESS_RTP_PORTS: { about: "Range of UDP ports for RTP and RTCP, first-last.", fallback: "20000-29999" },
  EARWITNESS_MEDIA_WORKERS: { about: "Threads that receive media.", fallback: "one less than the machine's cores, at least 1" },
  EARWITNESS_UDP: { about: "How media is read: batch (many packets with one system call; 64-bit Linux) or dgram (one by one).", fallback: "batch where it works" },
  EARWITNESS_DATA_DIR: { about: "Where everything lies: embedded database, keys, spool, store. With the sandbox, in its folder `sandbox`.", fallback: "./data, as root /var/lib/earwitness" },
  DATABASE_URL: { about: "A PostgreSQL server of your own (15 or newer) instead of the embedded one.", fallback: "the embedded PostgreSQL" },
  DATABASE_POOL_URL: { about: "The same database through a pooler in transaction mode, for short transactions.", fallback: "DATABASE_URL" },
  EARWITNESS_BACKUP_DIR: { about: "Where backups of the embedded database go, on another disk than the data: docs/operate/backup.md.", fallback: "none: it is not backed up" },
  EARWITNESS_BACKUP_HOURS: { about: "Hours from one base backup to the next; the database's log is archived all the time.", fallback: "24" },
  EARWITNESS_BACKUP_KEEP_DAYS: { about: "Days back to any moment of which the database can be put; older backups are removed.", fallback: "14" },
  EARWITNESS_KEYSTORE_BACKUP_DIR: { about: "Where backups of the keystore go: apart from all others, since a destroyed key lives on in them until they expire.", fallback: "none: it is not backed up" },
  EARWITNESS_KEYSTORE_BACKUP_KEEP_DAYS: { about: "Days after which a backup of the keystore is removed, 30 at most.", fallback: "7" },
  EARWITNESS_NODE_ID: { about: "Name of this node, unique in the installation.", fallback: "made once and kept in the data directory" },
  EARWITNESS_ROLES: { about: "What this process does: portal, recorder, worker, separated by commas.", fallback: "portal,recorder,worker" },
  EARWITNESS_LOG_LEVEL: { about: "trace, debug, info, warn, error, fatal or silent.", fallback: "info" },
  EARWITNESS_PROVISION_FILE: { about: "JSON file with tenants, people and trunks that must exist; applied at every start.", fallback: "none" },
  EARWITNESS_OIDC_ISSUER: { about: "OpenID Connect issuer that people sign in with.", fallback: "none: people sign in with accounts of their own (docs/operate/sign-in.md), API keys work" },
  EARWITNESS_OIDC_CLIENT_ID: { about: "Client id at that issuer.", fallback: "none" },
  EARWITNESS_OIDC_CLIENT_SECRET: { about: "Client secret at that issuer, if the client has one.", fallback: "none" },
  EARWITNESS_OIDC_TENANT: { about: "Short name of the one tenant that everybody of that issuer belongs to, where its tokens name no directory (tid): docs/operate/sign-in.md.", fallback: "none: the token's directory says whose they are" },
  EARWITNESS_GRAPH_URL: { about: "Microsoft Graph, with its version; another one for national clouds. http only on this machine.", fallback: "https://graph.microsoft.com/v1.0" },
  EARWITNESS_MICROSOFT_LOGIN_URL: { about: "Where apps sign in for it; another one for national clouds.", fallback: "https://login.microsoftonline.com" },
  EARWITNESS_MAX_CALLS: { about: "Calls this node records at once before it answers 503.", fallback: "2000" },
  EARWITNESS_SPOOL_FREE_MB: { about: "Free space of the spool's disk below which no new call is taken.", fallback: "512" },
  EARWITNESS_UPLOAD_QUOTA_MB: { about: "Spool that one tenant may fill while its store cannot be reached.", fallback: "10240" },
  EARWITNESS_CHECKPOINT_SECONDS: { about: "How often a checkpoint of each tenant's log of evidence is kept, witnessed and published, while the log grows.", fallback: "60" },
  EARWITNESS_WITNESSES: { about: "Witnesses that cosign checkpoints (C2SP tlog-witness), separated by commas: the address of each, a space, its public key (vkey).", fallback: "none: split views and roll-backs by whoever has the keys do not show" },
  EARWITNESS_TSA_URL: { about: "Timestamp authority (RFC 3161) that stamps checkpoints.", fallback: "none" },
  EARWITNESS_TSA_CA: { about: "PEM file with the authorities that its certificate must come from.", fallback: "those that come with Node" },
  EARWITNESS_TSA_POLICY: { about: "Object identifier of the policy to ask it for, such as 1.2.3.4.", fallback: "its own" },
  EARWITNESS_SANDBOX: { about: "1 where the sandbox runs beside; set by npm start.", fallback: "0" },
} as const;

type Key = keyof typeof keys;
const levels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

export class ConfigMistakes extends Error {
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(`The configuration has ${mistakes.length === 1 ? "a mistake" : `${mistakes.length} mistakes`}:\n${mistakes.map((mistake) => `  - ${mistake}`).join("\n")}`);
    this.name = "ConfigMistakes";
    this.mistakes = mistakes;
  }
}

/** Reads and checks the environment; throws `ConfigMistakes` with all of them. */
export function parseConfig(env: Readonly<Record<string, string | undefined>>, uid: number | null): Config {
  const mistakes: string[] = [];
  const text = (key: Key): string | null => (env[key] === undefined || env[key] === "" ? null : env[key]);

  for (const key of Object.keys(env)) {
    if (key.startsWith("EARWITNESS_") && !(key in keys) && !foreign.test(key)) mistakes.push(`${key} is not a key Earwitness knows. ${nearest(key)}`);
  }
  function whole(key: Key, fallback: number, min: number, max: number): number {
    const value = text(key);
    if (value === null) return fallback;
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < min || number > max) mistakes.push(`${key} is “${value}”; it should be a whole number from ${min} to ${max}.`);
    return number;
  }
  function url(key: Key, protocols: readonly string[]): string | null {
    const value = text(key);
    if (value === null) return null;
    const parsed = URL.parse(value);
    // The value may hold a password: it is not repeated.
    if (parsed === null || !protocols.includes(parsed.protocol)) mistakes.push(`${key} should be an address that begins with ${protocols.map((protocol) => `${protocol}//`).join(" or ")}.`);
    return value;
  }

  const sandbox = text("EARWITNESS_SANDBOX") === "1";
  if (!["0", "1", null].includes(text("EARWITNESS_SANDBOX"))) mistakes.push(`EARWITNESS_SANDBOX is “${text("EARWITNESS_SANDBOX")}”; it should be 1 or 0.`);
  const httpPort = whole("EARWITNESS_HTTP_PORT", 8080, 1, 65_535);
  const sipPort = whole("EARWITNESS_SIP_PORT", 5060, 1, 65_535);
  if (httpPort === sipPort) mistakes.push(`EARWITNESS_HTTP_PORT and EARWITNESS_SIP_PORT are both ${httpPort}; SIP also listens on TCP, so they must differ.`);
  const tlsPort = whole("EARWITNESS_SIP_TLS_PORT", 5061, 1, 65_535);
  const [certificatePath, keyPath, authoritiesPath] = [text("EARWITNESS_SIP_TLS_CERT"), text("EARWITNESS_SIP_TLS_KEY"), text("EARWITNESS_SIP_TLS_CA")];
  if ((certificatePath === null) !== (keyPath === null)) mistakes.push("EARWITNESS_SIP_TLS_CERT and EARWITNESS_SIP_TLS_KEY belong together: set both or neither.");
  if (certificatePath === null && keyPath === null) {
    const idle = (["EARWITNESS_SIP_TLS_PORT", "EARWITNESS_SIP_TLS_CA"] as const).filter((key) => text(key) !== null);
    if (idle.length > 0) mistakes.push(`${idle.join(" and ")} ${idle.length === 1 ? "needs" : "need"} EARWITNESS_SIP_TLS_CERT and EARWITNESS_SIP_TLS_KEY beside ${idle.length === 1 ? "it" : "them"}.`);
  } else if (tlsPort === httpPort || tlsPort === sipPort) {
    mistakes.push(`EARWITNESS_SIP_TLS_PORT is ${tlsPort}, which ${tlsPort === httpPort ? "EARWITNESS_HTTP_PORT" : "EARWITNESS_SIP_PORT"} has; they must differ.`);
  }

  const publicUrl = url("EARWITNESS_PUBLIC_URL", ["https:", "http:"]) ?? `http://localhost:${httpPort}`;
  const { pathname, search, hash, username } = URL.parse(publicUrl) ?? new URL("http://localhost");
  if (pathname !== "/" || `${search}${hash}${username}` !== "") mistakes.push("EARWITNESS_PUBLIC_URL should be scheme, host and port alone: the portal has its host to itself.");

  const trustedProxies = (text("EARWITNESS_TRUSTED_PROXIES") ?? "").split(",").map((proxy) => proxy.trim()).filter((proxy) => proxy !== "");
  const noNetworks = trustedProxies.filter((proxy) => !isNetwork(proxy));
  if (noNetworks.length > 0) mistakes.push(`EARWITNESS_TRUSTED_PROXIES names “${noNetworks.join("”, “")}”; each should be an address or a network, such as 192.0.2.7 or 192.0.2.0/24.`);

  const mediaAddress = text("EARWITNESS_MEDIA_ADDRESS");
  if (mediaAddress !== null && isIP(mediaAddress) === 0) mistakes.push(`EARWITNESS_MEDIA_ADDRESS is “${mediaAddress}”; it should be an IP address.`);

  const range = /^(\d+)-(\d+)$/.exec(text("EARWITNESS_RTP_PORTS") ?? "20000-29999");
  const [fromPort, toPort] = [Number(range?.[1]), Number(range?.[2])];
  if (range === null || fromPort < 1024 || toPort > 65_535 || toPort - fromPort < 3) mistakes.push(`EARWITNESS_RTP_PORTS is “${text("EARWITNESS_RTP_PORTS")}”; it should be first-last between 1024 and 65535, such as 20000-29999, with room for at least two streams.`);

  const udp = text("EARWITNESS_UDP");
  if (udp !== null && udp !== "batch" && udp !== "dgram") mistakes.push(`EARWITNESS_UDP is “${udp}”; it should be batch or dgram.`);

  const level = text("EARWITNESS_LOG_LEVEL") ?? "info";
  if (!levels.includes(level)) mistakes.push(`EARWITNESS_LOG_LEVEL is “${level}”; it should be one of ${levels.join(", ")}.`);

  const wantedRoles = (text("EARWITNESS_ROLES") ?? roles.join(",")).split(",").map((role) => role.trim());
  const strange = wantedRoles.filter((role) => !roles.includes(role as Role));
  if (strange.length > 0) mistakes.push(`EARWITNESS_ROLES names “${strange.join("”, “")}”; roles are ${roles.join(", ")}.`);

  const nodeId = text("EARWITNESS_NODE_ID");
  if (nodeId !== null && !/^[a-z0-9][a-z0-9-]{0,62}$/.test(nodeId)) mistakes.push(`EARWITNESS_NODE_ID is “${nodeId}”; it should be up to 63 lower-case letters, digits and hyphens.`);

  const issuer = url("EARWITNESS_OIDC_ISSUER", ["https:", "http:"]);
  const clientId = text("EARWITNESS_OIDC_CLIENT_ID");
  if ((issuer === null) !== (clientId === null)) mistakes.push("EARWITNESS_OIDC_ISSUER and EARWITNESS_OIDC_CLIENT_ID belong together: set both or neither.");
  if (issuer?.startsWith("http:") === true && !isLoopback(issuer)) mistakes.push("EARWITNESS_OIDC_ISSUER must use https:// unless it is on this machine.");

  const oidcTenant = text("EARWITNESS_OIDC_TENANT");
  if (oidcTenant !== null && issuer === null) mistakes.push("EARWITNESS_OIDC_TENANT needs EARWITNESS_OIDC_ISSUER beside it.");
  if (oidcTenant !== null && !/^[a-z0-9][a-z0-9-]{0,62}$/.test(oidcTenant)) mistakes.push(`EARWITNESS_OIDC_TENANT is “${oidcTenant}”; it should be a tenant's short name, as earwitness tenant list shows it.`);
  if (oidcTenant !== null && /\/(common|organizations|consumers)(\/|$)/.test(URL.parse(issuer ?? "")?.pathname ?? "")) mistakes.push("EARWITNESS_OIDC_TENANT cannot be set beside an EARWITNESS_OIDC_ISSUER that lets in every directory (common, organizations): anybody with an account anywhere would be of that tenant.");
  const [graphUrl, loginUrl] = [url("EARWITNESS_GRAPH_URL", ["https:", "http:"]) ?? "https://graph.microsoft.com/v1.0", url("EARWITNESS_MICROSOFT_LOGIN_URL", ["https:", "http:"]) ?? "https://login.microsoftonline.com"];
  for (const [key, address] of [["EARWITNESS_GRAPH_URL", graphUrl], ["EARWITNESS_MICROSOFT_LOGIN_URL", loginUrl]] as const) {
    if (address.startsWith("http:") && !isLoopback(address)) mistakes.push(`${key} must use https:// unless it is on this machine.`);
  }

  const witnesses = (text("EARWITNESS_WITNESSES") ?? "").split(",").map((one) => one.trim()).filter((one) => one !== "").flatMap((one) => witness(one) ?? []);
  function witness(given: string): { url: string; key: NoteKey } | null {
    const [address = "", vkey = "", ...rest] = given.split(/\s+/);
    try {
      const key = parseVkey(vkey);
      const { protocol, search, hash } = new URL(address);
      if (rest.length > 0 || !["https:", "http:"].includes(protocol) || `${search}${hash}` !== "") throw new Error("the address should begin with https:// or http:// and have no query");
      if (key.type !== noteTypes.cosignature) throw new Error("this is the key of a log, not of a witness");
      return { url: address.replace(/\/+$/, ""), key };
    } catch (error) {
      mistakes.push(`EARWITNESS_WITNESSES holds “${given.slice(0, 120)}”; it should be an address and a witness's public key, such as https://witness.example/ witness.example/w1+…: ${error instanceof Error ? error.message : "it cannot be read"}.`);
      return null;
    }
  }
  if (new Set(witnesses.map(({ key }) => key.name)).size < witnesses.length) mistakes.push("EARWITNESS_WITNESSES names one witness twice.");

  const timestampUrl = url("EARWITNESS_TSA_URL", ["https:", "http:"]);
  const timestampPolicy = text("EARWITNESS_TSA_POLICY");
  if (timestampPolicy !== null && !isOid(timestampPolicy)) mistakes.push(`EARWITNESS_TSA_POLICY is “${timestampPolicy}”; it should be an object identifier, such as 1.2.3.4.`);
  const idleTimestamps = (["EARWITNESS_TSA_CA", "EARWITNESS_TSA_POLICY"] as const).filter((key) => timestampUrl === null && text(key) !== null);
  if (idleTimestamps.length > 0) mistakes.push(`${idleTimestamps.join(" and ")} ${idleTimestamps.length === 1 ? "needs" : "need"} EARWITNESS_TSA_URL beside ${idleTimestamps.length === 1 ? "it" : "them"}.`);

  const baseDir = resolve(text("EARWITNESS_DATA_DIR")?.replace(/^~(?=\/|$)/, homedir()) ?? (uid === 0 ? "/var/lib/earwitness" : join(projectDir, "data")));
  const directory = (key: Key): string | null => {
    const value = text(key);
    return value === null ? null : resolve(value.replace(/^~(?=\/|$)/, homedir()));
  };
  const [backupDir, keystoreBackupDir] = [directory("EARWITNESS_BACKUP_DIR"), directory("EARWITNESS_KEYSTORE_BACKUP_DIR")];
  if (backupDir !== null && text("DATABASE_URL") !== null) mistakes.push("EARWITNESS_BACKUP_DIR is for the embedded database; a server of your own (DATABASE_URL) is backed up with its own means: docs/operate/backup.md.");
  if (backupDir !== null && overlap(backupDir, baseDir)) mistakes.push("EARWITNESS_BACKUP_DIR and EARWITNESS_DATA_DIR lie in each other: what takes the data would take its backups too.");
  if (keystoreBackupDir !== null && overlap(keystoreBackupDir, baseDir)) mistakes.push("EARWITNESS_KEYSTORE_BACKUP_DIR and EARWITNESS_DATA_DIR lie in each other: what takes the data would take its backups too.");
  if (backupDir !== null && keystoreBackupDir !== null && overlap(backupDir, keystoreBackupDir)) mistakes.push("EARWITNESS_KEYSTORE_BACKUP_DIR and EARWITNESS_BACKUP_DIR lie in each other: copies of keys must expire, and copies of the database are kept longer.");
  const backup = { everyHours: whole("EARWITNESS_BACKUP_HOURS", 24, 1, 168), keepDays: whole("EARWITNESS_BACKUP_KEEP_DAYS", 14, 1, 3_650) };
  const keystoreKeepDays = whole("EARWITNESS_KEYSTORE_BACKUP_KEEP_DAYS", 7, 1, 30);
  const config: Config = {
    http: { host: text("EARWITNESS_HTTP_HOST") ?? "127.0.0.1", port: httpPort, publicUrl: publicUrl.replace(/\/$/, ""), trustedProxies },
    sip: {
      host: text("EARWITNESS_SIP_HOST") ?? (sandbox ? "127.0.0.1" : "0.0.0.0"),
      port: sipPort,
      advertisedAddress: mediaAddress,
      tls: certificatePath === null || keyPath === null ? null : { port: tlsPort, certificatePath, keyPath, authoritiesPath },
    },
    rtp: { host: text("EARWITNESS_SIP_HOST") ?? (sandbox ? "127.0.0.1" : "0.0.0.0"), fromPort, toPort, workers: text("EARWITNESS_MEDIA_WORKERS") === null ? null : whole("EARWITNESS_MEDIA_WORKERS", 1, 1, 64), udp: udp === "batch" || udp === "dgram" ? udp : null },
    baseDir,
    dataDir: sandbox ? join(baseDir, "sandbox") : baseDir,
    database: { url: url("DATABASE_URL", ["postgres:", "postgresql:"]), poolUrl: url("DATABASE_POOL_URL", ["postgres:", "postgresql:"]) },
    backup: backupDir === null ? null : { dir: backupDir, ...backup },
    keystoreBackup: keystoreBackupDir === null ? null : { dir: keystoreBackupDir, keepDays: keystoreKeepDays },
    nodeId,
    roles: wantedRoles as Role[],
    logLevel: level,
    provisionFile: text("EARWITNESS_PROVISION_FILE"),
    graph: { graphUrl, loginUrl },
    oidc: issuer === null || clientId === null ? null : { issuer, clientId, clientSecret: text("EARWITNESS_OIDC_CLIENT_SECRET"), tenant: oidcTenant },
    limits: {
      calls: whole("EARWITNESS_MAX_CALLS", 2000, 1, 100_000),
      spoolFreeBytes: whole("EARWITNESS_SPOOL_FREE_MB", 512, 1, 10_000_000) * 1_000_000,
      uploadQuotaBytes: whole("EARWITNESS_UPLOAD_QUOTA_MB", 10_240, 1, 100_000_000) * 1_000_000,
    },
    checkpointMs: whole("EARWITNESS_CHECKPOINT_SECONDS", 60, 1, 86_400) * 1_000,
    witnesses,
    timestamps: timestampUrl === null ? null : { url: timestampUrl, authoritiesPath: text("EARWITNESS_TSA_CA"), policy: timestampPolicy },
    sandbox,
  };
  if (config.database.poolUrl !== null && config.database.url === null) mistakes.push("DATABASE_POOL_URL needs DATABASE_URL beside it: migrations and notifications cannot go through a pooler.");
  if (mistakes.length > 0) throw new ConfigMistakes(mistakes);
  return config;
}

const projectDir = resolve(import.meta.dirname, "../../..");

/** Keys that other programs of the project read. */
const foreign = /^EARWITNESS_(SANDBOX_|TEST_|REQUIRE_ALL$)/;

function nearest(key: string): string {
  const words = key.split("_").slice(1);
  const close = Object.keys(keys).filter((known) => words.some((word) => word.length > 2 && known.includes(word)));
  return close.length > 0 ? `Did you mean ${close.join(" or ")}?` : "docs/configuration.md lists them.";
}

function overlap(one: string, other: string): boolean {
  return `${one}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${one}/`);
}

/** An address, or one with the length of its prefix. */
function isNetwork(text: string): boolean {
  const [address = "", bits, ...rest] = text.split("/");
  const version = isIP(address);
  return version !== 0 && rest.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128)));
}

function isLoopback(url: string): boolean {
  const host = URL.parse(url)?.hostname ?? "";
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
