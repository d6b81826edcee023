import type {
  AccessChoices,
  AccessExplanation,
  AccessGrant,
  AccessGrantPage,
  AccessGrantSettings,
  AccessProfile,
  AccessProfilePage,
  AccessProfileSettings,
  AsOfQuery,
  AuditEntry,
  AuditExport,
  AuditPage,
  DigestSecret,
  Enrollment,
  EnrollmentAccept,
  EnrollmentLook,
  DirectoryCredentials,
  DirectoryGroupsFound,
  DirectoryRun,
  DirectoryRunPage,
  DirectoryTrial,
  EvidenceBundleRequest,
  Group,
  GroupPage,
  GroupSettings,
  Health,
  ImportResult,
  InteractionDetail,
  InteractionPage,
  InvitationPage,
  LocalSignIn,
  OpenSessions,
  NewDirectorySettings,
  Peaks,
  Person,
  PersonPage,
  PersonSettings,
  PersonSignIn,
  Play,
  PortalEntrySettings,
  Problem,
  RecordAsOf,
  Replication,
  RolePage,
  SessionInfo,
  SessionLimits,
  SignedIn,
  SignInWays,
  Trunk,
  TrunkPage,
  TrunkSettings,
  TrunkTrialResult,
  Verification,
  VerificationReport,
} from "@earwitness/contract";
import { apiPaths, type InvitationsQuery } from "./paths.ts";
import { receive } from "./proof/receive.ts";

/** An error answer of the server, in its own words. Status 0: no answer at all. */
export class ProblemError extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail ?? problem.title);
    this.problem = problem;
  }
}

export function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  return { type: "about:blank", title: "", status: 0, code: "UNEXPECTED", detail: error instanceof Error ? error.message : String(error) };
}

async function send(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...init, headers: { accept: "application/json", ...init.headers } });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ProblemError({ type: "about:blank", title: "", status: 0, code: "UNREACHABLE" });
  }
  if (!response.ok) throw new ProblemError(await readProblem(response));
  return response;
}

/** A proxy in between answers errors in HTML; then the status alone must do. */
export async function readProblem(response: Response): Promise<Problem> {
  const bare: Problem = { type: "about:blank", title: response.statusText, status: response.status, code: `HTTP_${response.status}` };
  if (!response.headers.get("content-type")?.includes("json")) return bare;
  const body: unknown = await response.json().catch(() => null);
  return typeof body === "object" && body !== null ? { ...bare, ...body } : bare;
}

const get = async <T>(path: string, signal?: AbortSignal): Promise<T> => (await send(path, { ...(signal && { signal }) })).json() as Promise<T>;

/** With what has to be said to change it: nobody overwrites what somebody else changed meanwhile. */
export interface Versioned<T> {
  readonly value: T;
  readonly etag: string | null;
}

async function writeVersioned<T>(method: "POST" | "PUT", path: string, body: unknown, etag?: string | null): Promise<Versioned<T>> {
  const response = await send(path, { method, headers: { "content-type": "application/json", ...(etag ? { "if-match": etag } : {}) }, body: JSON.stringify(body) });
  return { value: (await response.json()) as T, etag: response.headers.get("etag") };
}

const write = async <T>(method: "POST" | "PUT", path: string, body: unknown): Promise<T> => (await writeVersioned<T>(method, path, body)).value;

const remove = async (path: string): Promise<void> => void (await send(path, { method: "DELETE" }));

async function getVersioned<T>(path: string, signal?: AbortSignal): Promise<Versioned<T>> {
  const response = await send(path, { ...(signal && { signal }) });
  return { value: (await response.json()) as T, etag: response.headers.get("etag") };
}

export const api = {
  session: (signal?: AbortSignal) => get<SessionInfo>(apiPaths.session, signal),
  interactions: (query: Parameters<typeof apiPaths.interactions>[0], signal?: AbortSignal) => get<InteractionPage>(apiPaths.interactions(query), signal),
  interaction: (id: string, signal?: AbortSignal) => get<InteractionDetail>(apiPaths.interaction(id), signal),
  peaks: (id: string, signal?: AbortSignal) => get<Peaks>(apiPaths.peaks(id), signal),
  startPlay: async (id: string): Promise<Play> =>
    (await send(apiPaths.plays(id), { method: "POST", headers: { "content-type": "application/json" }, body: "{}" })).json() as Promise<Play>,
  proof: async (id: string, progress: (bytes: number) => void, signal: AbortSignal): Promise<Blob> =>
    await receive(await send(apiPaths.proof(id), { method: "POST", headers: { accept: "application/zip" }, signal }), progress),
  reportVerification: (id: string, found: VerificationReport) => write<Verification>("POST", apiPaths.verifications(id), found),
  exportBundle: async (wanted: EvidenceBundleRequest, progress: (bytes: number) => void, signal: AbortSignal): Promise<{ file: Blob; name: string }> => {
    const response = await send(apiPaths.evidenceBundles, { method: "POST", headers: { "content-type": "application/json", accept: "application/zip" }, body: JSON.stringify(wanted), signal });
    return { file: await receive(response, progress), name: /filename="([^"]+)"/.exec(response.headers.get("content-disposition") ?? "")?.[1] ?? "evidence.zip" };
  },
  /** The newest key of a log, as a line of its own. */
  logKey: async (tenantId: string): Promise<string | null> => {
    const response = await send(apiPaths.logKeys(tenantId), { headers: { accept: "text/plain" } });
    const [keys = ""] = (await response.text()).split("\n\n");
    return keys.trim().split("\n").at(-1) || null;
  },
  /** 503 is an answer too: it says why. */
  health: async (signal?: AbortSignal): Promise<Health> => (await fetch(apiPaths.health, { ...(signal && { signal }) })).json() as Promise<Health>,
  audit: (query: Parameters<typeof apiPaths.audit>[0], signal?: AbortSignal) => get<AuditPage>(apiPaths.audit(query), signal),
  auditAsOf: (query: AsOfQuery, signal?: AbortSignal) => get<RecordAsOf>(apiPaths.auditAsOf(query), signal),
  auditEntry: (id: string, signal?: AbortSignal) => get<AuditEntry>(apiPaths.auditEntry(id), signal),
  exportAudit: async (wanted: AuditExport): Promise<{ file: Blob; name: string }> => {
    const response = await send(apiPaths.exportAudit, { method: "POST", headers: { "content-type": "application/json", accept: "text/csv" }, body: JSON.stringify(wanted) });
    return { file: await response.blob(), name: /filename="([^"]+)"/.exec(response.headers.get("content-disposition") ?? "")?.[1] ?? "audit-trail.csv" };
  },
  trunks: (signal?: AbortSignal) => get<TrunkPage>(apiPaths.trunks, signal),
  trunk: (id: string, signal?: AbortSignal) => getVersioned<Trunk>(apiPaths.trunk(id), signal),
  createTrunk: (settings: TrunkSettings) => writeVersioned<Trunk>("POST", apiPaths.trunks, settings),
  changeTrunk: (id: string, settings: TrunkSettings, etag: string | null) => writeVersioned<Trunk>("PUT", apiPaths.trunk(id), settings, etag),
  deleteTrunk: (id: string) => remove(apiPaths.trunk(id)),
  allowNetwork: (id: string, network: string) => writeVersioned<Trunk>("POST", `${apiPaths.trunk(id)}/networks`, { network }),
  setPassword: (id: string) => write<DigestSecret>("POST", `${apiPaths.trunk(id)}/digest`, {}),
  removePassword: (id: string) => remove(`${apiPaths.trunk(id)}/digest`),
  tryTrunk: (settings: TrunkSettings, samples: readonly string[]) => write<TrunkTrialResult>("POST", `${apiPaths.trunks}/try`, { settings, samples }),
  invitations: (query: InvitationsQuery, signal?: AbortSignal) => get<InvitationPage>(apiPaths.invitations(query), signal),
  trace: async (id: string, signal?: AbortSignal) => await (await send(apiPaths.trace(id), { headers: { accept: "text/plain" }, ...(signal && { signal }) })).text(),
  people: (query: { q?: string | undefined; after?: string | undefined; limit: number }, signal?: AbortSignal) => get<PersonPage>(apiPaths.people(query), signal),
  person: (id: string, signal?: AbortSignal) => getVersioned<Person>(apiPaths.person(id), signal),
  createPerson: (settings: PersonSettings) => writeVersioned<Person>("POST", apiPaths.allPeople, settings),
  changePerson: (id: string, settings: PersonSettings, etag: string | null) => writeVersioned<Person>("PUT", apiPaths.person(id), settings, etag),
  deletePerson: (id: string) => remove(apiPaths.person(id)),
  importPeople: async (csv: Blob | string, apply: boolean): Promise<ImportResult> =>
    (await send(`${apiPaths.allPeople}/import?apply=${apply}`, { method: "POST", headers: { "content-type": "text/csv" }, body: csv })).json() as Promise<ImportResult>,
  groups: (signal?: AbortSignal) => get<GroupPage>(apiPaths.groups, signal),
  createGroup: (settings: GroupSettings) => write<Group>("POST", apiPaths.groups, settings),
  changeGroup: (id: string, settings: GroupSettings) => write<Group>("PUT", apiPaths.group(id), settings),
  deleteGroup: (id: string) => remove(apiPaths.group(id)),
  roles: (signal?: AbortSignal) => get<RolePage>(apiPaths.roles, signal),
  accessProfiles: (signal?: AbortSignal) => get<AccessProfilePage>(apiPaths.accessProfiles, signal),
  accessProfile: (id: string, signal?: AbortSignal) => getVersioned<AccessProfile>(apiPaths.accessProfile(id), signal),
  createAccessProfile: (settings: AccessProfileSettings) => writeVersioned<AccessProfile>("POST", apiPaths.accessProfiles, settings),
  changeAccessProfile: (id: string, settings: AccessProfileSettings, etag: string | null) => writeVersioned<AccessProfile>("PUT", apiPaths.accessProfile(id), settings, etag),
  deleteAccessProfile: (id: string) => remove(apiPaths.accessProfile(id)),
  accessChoices: (q: string, signal?: AbortSignal) => get<AccessChoices>(apiPaths.accessChoices(q), signal),
  accessGrants: (signal?: AbortSignal) => get<AccessGrantPage>(apiPaths.accessGrants, signal),
  createAccessGrant: (settings: AccessGrantSettings) => write<AccessGrant>("POST", apiPaths.accessGrants, settings),
  endAccessGrant: (id: string) => remove(apiPaths.accessGrant(id)),
  personAccess: (id: string, interaction: string, signal?: AbortSignal) => get<AccessExplanation>(apiPaths.personAccess(id, interaction), signal),
  signInWays: (signal?: AbortSignal) => get<SignInWays>(apiPaths.signInWays, signal),
  signInLocally: (wanted: LocalSignIn) => write<SignedIn>("POST", apiPaths.localSignIn, wanted),
  lookAtEnrollment: (enrollment: string) => write<EnrollmentLook>("POST", `${apiPaths.enrollments}/look`, { enrollment }),
  acceptEnrollment: (wanted: EnrollmentAccept) => write<SignedIn>("POST", `${apiPaths.enrollments}/accept`, wanted),
  enroll: (id: string) => write<Enrollment>("POST", apiPaths.personEnrollments(id), {}),
  forgetLocalAccount: (id: string) => remove(apiPaths.personLocalAccount(id)),
  sessions: (signal?: AbortSignal) => get<OpenSessions>(apiPaths.sessions, signal),
  endOwnSession: (id: string) => remove(apiPaths.ownSession(id)),
  signOutEverywhere: () => remove(apiPaths.sessions),
  personSignIn: (id: string, signal?: AbortSignal) => getVersioned<PersonSignIn>(apiPaths.personSignIn(id), signal),
  changePersonSignIn: (id: string, settings: PortalEntrySettings, etag: string | null) => writeVersioned<PersonSignIn>("PUT", apiPaths.personSignIn(id), settings, etag),
  forgetAccounts: (id: string) => remove(apiPaths.personAccounts(id)),
  endPersonSessions: (id: string) => remove(apiPaths.personSessions(id)),
  endPersonSession: (id: string, sessionId: string) => remove(`${apiPaths.personSessions(id)}/${encodeURIComponent(sessionId)}`),
  sessionLimits: (signal?: AbortSignal) => getVersioned<SessionLimits>(apiPaths.sessionLimits, signal),
  changeSessionLimits: (limits: SessionLimits, etag: string | null) => writeVersioned<SessionLimits>("PUT", apiPaths.sessionLimits, limits, etag),
  directory: (signal?: AbortSignal) => get<Replication>(apiPaths.directory, signal),
  connectDirectory: (settings: NewDirectorySettings) => write<Replication>("PUT", `${apiPaths.directory}/settings`, settings),
  disconnectDirectory: () => remove(`${apiPaths.directory}/settings`),
  tryDirectory: (credentials: DirectoryCredentials | null) => write<DirectoryTrial>("POST", `${apiPaths.directory}/test`, credentials ?? {}),
  runDirectory: (everything: boolean) => write<DirectoryRun>("POST", `${apiPaths.directory}/runs`, { everything }),
  directoryRuns: (query: { limit: number; before?: string | undefined }, signal?: AbortSignal) => get<DirectoryRunPage>(apiPaths.directoryRuns(query), signal),
  findDirectoryGroups: (q: string, signal?: AbortSignal) => get<DirectoryGroupsFound>(apiPaths.directoryGroups(q), signal),
  chooseDirectoryGroups: (objectIds: readonly string[]) => write<Replication>("PUT", `${apiPaths.directory}/groups`, { objectIds }),
  signOut: () => send(apiPaths.signOut, { method: "POST" }),
};
