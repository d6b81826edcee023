/**
 * The control socket: what the command line on this machine asks of the running server. Whoever may open the socket is the
 * server's own user (or root), which could as well read its data directory; no other check is made, and none is needed.
 */
import { chmod, lstat, mkdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { dirname } from "node:path";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import Fastify, { LogController, type FastifyBaseLogger } from "fastify";
import { Type } from "typebox";
import { Checkpoint, LogState, Trunk } from "@earwitness/contract";
import { AdministratorEnrolled, AdministratorRequest, ApiKeyCreated, ApiKeyInfo, ApiKeyRequest, BackupFinding, BackupReport, InstallationPlaces, KeyExport, LogKeyChanged, LogKeyRequest, NetworkRequest, ResumeRequest, Status, TenantInfo, TenantRequest, TrunkRequest } from "@earwitness/contract/control";
import type { ApiKeys } from "#access";
import { commandLine } from "#evidence";
import { Refusal } from "#errors";
import type { Log } from "#log";
import { answerError, answerNotFound } from "./problem.ts";

export interface ControlOptions {
  readonly socketPath: string;
  readonly log: Log;
  readonly isDatabaseAway: (error: unknown) => boolean;
  readonly apiKeys: ApiKeys;
  /** To find one by its name. */
  readonly listTenants: () => Promise<TenantInfo[]>;
  /** Because somebody wants to see them. */
  readonly viewTenants: (by: typeof commandLine) => Promise<TenantInfo[]>;
  readonly createTenant: (wanted: TenantRequest, by: typeof commandLine) => Promise<TenantInfo>;
  readonly enrollAdministrator: (tenantId: string, wanted: AdministratorRequest, by: typeof commandLine) => Promise<AdministratorEnrolled>;
  readonly trunks: {
    list(tenantId: string, by: typeof commandLine): Promise<Trunk[]>;
    create(tenantId: string, wanted: TrunkRequest, by: typeof commandLine): Promise<Trunk>;
    allow(tenantId: string, trunkId: string, network: string, by: typeof commandLine): Promise<Trunk>;
  };
  readonly backups: {
    report(): BackupReport;
    start(): Promise<void>;
    check(): Promise<BackupFinding[]>;
  };
  readonly logs: {
    state(tenantId: string): Promise<LogState>;
    keep(tenantId: string, by: typeof commandLine): Promise<Checkpoint>;
    resume(tenantId: string, reason: string, by: typeof commandLine): Promise<void>;
    changeKey(tenantId: string, wanted: LogKeyRequest, by: typeof commandLine): Promise<LogKeyChanged>;
  };
  readonly exportKeys: (by: typeof commandLine) => Promise<KeyExport>;
  /** For a check of the installation, which is a process of its own. */
  readonly places: () => InstallationPlaces;
  readonly status: () => Promise<Status>;
}

export interface Control {
  /** What can be asked for, such as `GET /tenants`. */
  readonly routes: readonly string[];
  close(): Promise<void>;
}

export async function createControl(options: ControlOptions): Promise<Control> {
  const { socketPath, apiKeys, listTenants } = options;
  const app = Fastify({
    loggerInstance: options.log.child({ room: "control" }) as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "instance" }),
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    bodyLimit: 64 * 1024,
    ajv: { customOptions: { allErrors: true, removeAdditional: false, coerceTypes: false } },
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply, options.isDatabaseAway));
  app.setNotFoundHandler(answerNotFound);
  const routes: string[] = [];
  app.addHook("onRoute", ({ method, url }) => void routes.push(`${String(method)} ${url}`));

  async function tenantIdOf(slug: string): Promise<string> {
    const tenants = await listTenants();
    const tenant = tenants.find((candidate) => candidate.slug === slug);
    if (tenant !== undefined) return tenant.tenantId;
    const known = tenants.map((candidate) => candidate.slug).join(", ");
    throw new Refusal("UNKNOWN_TENANT", 404, `There is no tenant “${slug}”; ${known === "" ? "there is none yet" : `there are ${known}`}.`);
  }

  app.post("/api-keys", { schema: { body: ApiKeyRequest, response: { 201: ApiKeyCreated } } }, async (request, reply) => {
    const { tenant, name, profile } = request.body;
    return await reply.code(201).send(await apiKeys.create(await tenantIdOf(tenant), { name, profile }, commandLine));
  });

  app.get("/tenants/:slug/api-keys", { schema: { params: Type.Object({ slug: Type.String() }), response: { 200: Type.Array(ApiKeyInfo) } } }, async (request) => {
    const keys = await apiKeys.list(await tenantIdOf(request.params.slug), commandLine);
    return keys.map((key) => ({
      apiKeyId: key.apiKeyId,
      name: key.name,
      profile: key.profile,
      createdAt: key.createdAt.toISOString(),
      lastUsedAt: key.lastUsedAt?.toISOString() ?? null,
      revokedAt: key.revokedAt?.toISOString() ?? null,
    }));
  });

  app.post(
    "/tenants/:slug/api-keys/:apiKeyId/revoke",
    { schema: { params: Type.Object({ slug: Type.String(), apiKeyId: Type.String({ format: "uuid" }) }), response: { 204: Type.Null() } } },
    async (request, reply) => {
      await apiKeys.revoke(await tenantIdOf(request.params.slug), request.params.apiKeyId, commandLine);
      return await reply.code(204).send(null);
    },
  );

  app.get("/tenants", { schema: { response: { 200: Type.Array(TenantInfo) } } }, async () => await options.viewTenants(commandLine));
  app.post("/tenants", { schema: { body: TenantRequest, response: { 201: TenantInfo } } }, async (request, reply) =>
    await reply.code(201).send(await options.createTenant(request.body, commandLine)),
  );

  const ofTenant = Type.Object({ slug: Type.String() });
  app.post("/tenants/:slug/administrators", { schema: { params: ofTenant, body: AdministratorRequest, response: { 201: AdministratorEnrolled } } }, async (request, reply) =>
    await reply.code(201).send(await options.enrollAdministrator(await tenantIdOf(request.params.slug), request.body, commandLine)),
  );
  app.get("/tenants/:slug/trunks", { schema: { params: ofTenant, response: { 200: Type.Array(Trunk) } } }, async (request) => await options.trunks.list(await tenantIdOf(request.params.slug), commandLine));
  app.post("/tenants/:slug/trunks", { schema: { params: ofTenant, body: TrunkRequest, response: { 201: Trunk } } }, async (request, reply) =>
    await reply.code(201).send(await options.trunks.create(await tenantIdOf(request.params.slug), request.body, commandLine)),
  );
  app.post(
    "/tenants/:slug/trunks/:trunkId/networks",
    { schema: { params: Type.Object({ slug: Type.String(), trunkId: Type.String({ format: "uuid" }) }), body: NetworkRequest, response: { 200: Trunk } } },
    async (request) => await options.trunks.allow(await tenantIdOf(request.params.slug), request.params.trunkId, request.body.network, commandLine),
  );
  app.get("/backups", { schema: { response: { 200: BackupReport } } }, async () => options.backups.report());
  app.post("/backups", { schema: { response: { 202: BackupReport } } }, async (_request, reply) => {
    await options.backups.start();
    return await reply.code(202).send(options.backups.report());
  });
  app.get("/backups/check", { schema: { response: { 200: Type.Array(BackupFinding) } } }, async () => await options.backups.check());
  app.get("/tenants/:slug/log", { schema: { params: ofTenant, response: { 200: LogState } } }, async (request) => await options.logs.state(await tenantIdOf(request.params.slug)));
  app.post("/tenants/:slug/log/checkpoints", { schema: { params: ofTenant, response: { 201: Checkpoint } } }, async (request, reply) =>
    await reply.code(201).send(await options.logs.keep(await tenantIdOf(request.params.slug), commandLine)),
  );
  app.post("/tenants/:slug/log/resume", { schema: { params: ofTenant, body: ResumeRequest, response: { 204: Type.Null() } } }, async (request, reply) => {
    await options.logs.resume(await tenantIdOf(request.params.slug), request.body.reason, commandLine);
    return await reply.code(204).send(null);
  });
  app.post("/tenants/:slug/log/keys", { schema: { params: ofTenant, body: LogKeyRequest, response: { 201: LogKeyChanged } } }, async (request, reply) =>
    await reply.code(201).send(await options.logs.changeKey(await tenantIdOf(request.params.slug), request.body, commandLine)),
  );
  app.post("/keys/export", { schema: { response: { 200: KeyExport } } }, async () => await options.exportKeys(commandLine));
  app.get("/installation", { schema: { response: { 200: InstallationPlaces } } }, async () => options.places());
  app.get("/status", { schema: { response: { 200: Status } } }, async () => await options.status());

  await makePrivate(dirname(socketPath));
  await removeStale(socketPath);
  await app.listen({ path: socketPath });
  await chmod(socketPath, 0o600);

  let closing: Promise<void> | null = null;
  return { routes, close: () => (closing ??= app.close()) };
}

/** The directory is what keeps others out between bind and chmod; one that somebody else made is refused. */
async function makePrivate(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const found = await lstat(directory);
  const uid = process.getuid?.();
  if (!found.isDirectory() || (uid !== undefined && found.uid !== uid)) throw new Error(`${directory} is not this user's own directory: the control socket cannot be there`);
  await chmod(directory, 0o700);
}

/** A server that was killed leaves its socket behind; one that runs is not robbed of its own. */
async function removeStale(socketPath: string): Promise<void> {
  const answers = await new Promise<boolean>((resolve) => {
    const socket = connect(socketPath);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
  if (answers) throw new Error(`another server answers at ${socketPath}`);
  await rm(socketPath, { force: true });
}
