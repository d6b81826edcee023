/** How a person comes to an account of their own: a link that works once, which whoever gives access hands to them. */
import type { Clock } from "#clock";
import { withTenant, type Db, type TenantTransaction } from "#db";
import { Refusal } from "#errors";
import { append, fingerprintOf, type EvidenceEntry } from "#evidence";
import { newUuid } from "#ids";
import { refuseStandingFor } from "./no-escalation.ts";
import { rightsOfPerson } from "./read-rights.ts";
import { digestOf, isSecret, newSecret, secretForm } from "./secret.ts";

export type EnrollmentOrigin = Pick<EvidenceEntry, "actor" | "occurredAt" | "nodeId" | "remoteAddress">;

export interface NewEnrollment {
  /** Goes behind the `#` of the page's address, which browsers send to nobody. Answered once and kept nowhere. */
  readonly text: string;
  readonly expiresAt: Date;
}

/** An enrollment in force, and whose it is. */
export interface Enrolled {
  readonly tenantId: string;
  readonly enrollmentId: string;
  readonly person: { readonly person_id: string; readonly display_name: string; readonly upn: string };
  readonly fingerprint: string;
  readonly expiresAt: Date;
}

const validMs = 3 * 24 * 3_600_000;
const uuidForm = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
const form = new RegExp(`^(${uuidForm})\\.(${uuidForm})\\.(${secretForm})$`);

/** In the transaction of whoever enrolls. */
export async function enroll(tx: TenantTransaction, personId: string, origin: EnrollmentOrigin, byOperator: boolean): Promise<NewEnrollment> {
  const person = await tx.selectFrom("people").select(["person_id", "display_name"]).where("person_id", "=", personId).where("deleted_at", "is", null).forUpdate().executeTakeFirst();
  if (person === undefined) throw new Refusal("PERSON_NOT_FOUND", 404, "There is no such person.");
  const fromProvider = (await tx.selectFrom("person_identities").select("subject").where("person_id", "=", personId).executeTakeFirst()) ?? (await tx.selectFrom("directory_people").select("object_id").where("person_id", "=", personId).executeTakeFirst());
  // OVR-17: whoever signs in with the provider has no password here. Only the operator gets past that, when the provider is away.
  if (fromProvider !== undefined && !byOperator) throw new Refusal("HAS_PROVIDER", 409, "This person signs in with the identity provider, and has no password here.");
  await refuseStandingFor(tx, origin.actor, personId, origin.occurredAt);
  const [enrollmentId, secret] = [newUuid(), newSecret()];
  const secretSha256 = digestOf(secret);
  const expiresAt = new Date(origin.occurredAt.getTime() + validMs);
  const from = await takeBack(tx, personId);
  const row = { enrollment_id: enrollmentId, secret_sha256: secretSha256, expires_at: expiresAt, by_operator: byOperator };
  await tx.insertInto("local_enrollments").values({ tenant_id: tx.tenantId, person_id: personId, ...row }).execute();
  const change = { enrollment: { from, to: enrollmentFingerprint(row) } };
  await append(tx, { ...origin, action: "Modify", item: "User", subject: personId, detail: { name: person.display_name, change, expiresAt: expiresAt.toISOString(), ...(byOperator ? { emergency: true } : {}) } });
  return { text: `${tx.tenantId}.${enrollmentId}.${secret}`, expiresAt };
}

/** Answers the fingerprint of what was taken back; null where there was none. */
export async function takeBack(tx: TenantTransaction, personId: string): Promise<string | null> {
  const gone = await tx.deleteFrom("local_enrollments").where("person_id", "=", personId).returning(["enrollment_id", "secret_sha256", "expires_at", "by_operator"]).executeTakeFirst();
  return gone === undefined ? null : enrollmentFingerprint(gone);
}

/** Stands in rows of evidence: a longer time, or another secret, shows. */
const enrollmentFingerprint = (row: { readonly enrollment_id: string; readonly secret_sha256: Uint8Array; readonly expires_at: Date; readonly by_operator: boolean }): string => fingerprintOf(row.enrollment_id, row.secret_sha256, row.expires_at.toISOString(), String(row.by_operator));

/** Whose an enrollment is, in its tenant's transaction; the same refusal for one that is over and one that never was. */
export async function withEnrolled<T>(db: Db, text: string, now: Date, work: (tx: TenantTransaction, enrolled: Enrolled) => Promise<T>): Promise<T> {
  const over = () => new Refusal("ENROLLMENT_OVER", 410, "This enrollment is over: it was used, replaced or is older than three days. An administrator can make a new one.");
  const [, tenantId, enrollmentId, secret] = form.exec(text) ?? [];
  if (tenantId === undefined || enrollmentId === undefined || secret === undefined) throw over();
  return await withTenant(db, tenantId, async (tx) => {
    const row = await tx
      .selectFrom("local_enrollments as enrollment")
      .innerJoin("people as person", (join) => join.onRef("person.tenant_id", "=", "enrollment.tenant_id").onRef("person.person_id", "=", "enrollment.person_id"))
      .select(["enrollment.enrollment_id", "enrollment.secret_sha256", "enrollment.expires_at", "enrollment.by_operator", "person.person_id", "person.display_name", "person.upn"])
      .where("enrollment.enrollment_id", "=", enrollmentId)
      .where("person.deleted_at", "is", null)
      .forUpdate()
      .executeTakeFirst();
    if (row === undefined || !isSecret(secret, row.secret_sha256) || row.expires_at <= now) throw over();
    return await work(tx, { tenantId, enrollmentId, person: row, fingerprint: enrollmentFingerprint(row), expiresAt: row.expires_at });
  });
}

export interface AdministratorWanted {
  readonly upn: string;
  readonly name?: string | undefined;
}

/**
 * The operator's way in, where nobody can sign in yet or any more: an enrollment for an administrator, who is made where there is none
 * by that name. It stands in the tenant's log, and health says so until it is used or over.
 */
export async function enrollAdministrator({ db, clock, nodeId }: { db: Db; clock: Clock; nodeId: string }, tenantId: string, { upn, name }: AdministratorWanted, actor: EvidenceEntry["actor"]): Promise<NewEnrollment> {
  const origin = { actor, occurredAt: clock.now(), nodeId };
  return await withTenant(db, tenantId, async (tx) => {
    await tx.selectFrom("tenants").select("tenant_id").forNoKeyUpdate().execute();
    const known = await tx.selectFrom("people").select(["person_id", "role"]).where((row) => row(row.fn<string>("lower", ["upn"]), "=", upn.toLowerCase())).where("deleted_at", "is", null).executeTakeFirst();
    if (known !== undefined) {
      const { permissions } = await rightsOfPerson(tx, known.person_id, known.role, origin.occurredAt);
      if (!permissions.has("access.manage")) throw new Refusal("NO_ADMINISTRATOR", 409, `${upn} is known here and is no administrator. Name another user principal name; who it is enrolled for then can give rights to others.`);
      return await enroll(tx, known.person_id, origin, true);
    }
    const personId = newUuid();
    const columns = { upn, display_name: name ?? upn, role: "Admin" as const, recorded: false };
    await tx.insertInto("people").values({ tenant_id: tenantId, person_id: personId, ...columns }).execute();
    const told = { ...columns, given_name: null, family_name: null, addresses: [], extensions: [], group_ids: [], managed_group_ids: [] };
    await append(tx, { ...origin, action: "Add", item: "User", subject: personId, detail: { name: columns.display_name, change: Object.fromEntries(Object.entries(told).map(([field, to]) => [field, { from: null, to }])) } });
    return await enroll(tx, personId, origin, true);
  });
}
