/** People who sign in with a password and a one-time code (USR-21). */
import { createCookieSeal } from "./sealed-cookie.ts";
import type { Clock } from "#clock";
import { withSystem, withTenant, type Db, type TenantTransaction } from "#db";
import { Refusal } from "#errors";
import { append, appendOnce, type Actor } from "#evidence";
import type { Origin } from "./http.ts";
import { refuseStandingFor } from "./no-escalation.ts";
import { takeBack, withEnrolled } from "./enrollments.ts";
import { codeUri, newCodeSecret, stepOfCode } from "./one-time-code.ts";
import { localFingerprint, takeAccount } from "./local-fingerprint.ts";
import { endSessions } from "./open-sessions.ts";
import { hashPassword, isPassword, passwordMistake } from "./password.ts";
import { noEntryFor } from "./portal-entry.ts";
import { rightsOfPerson } from "./read-rights.ts";
import type { SignInError } from "./sign-in.ts";

export interface LocalAccounts {
  /** Whose an enrollment is, and what the person's app is to make codes of. `setup` brings that back, sealed. */
  look(enrollment: string): Promise<{ readonly person: { readonly name: string; readonly upn: string }; readonly tenant: { readonly name: string; readonly slug: string }; readonly code: { readonly secret: string; readonly uri: string }; readonly setup: string }>;
  accept(wanted: { readonly enrollment: string; readonly setup: string; readonly password: string; readonly code: string }, from: { readonly remoteAddress: string }): Promise<{ readonly tenantId: string; readonly personId: string }>;
  /** `wrong` says nothing of what was wrong. */
  prove(wanted: { readonly tenant: string; readonly upn: string; readonly password: string; readonly code: string }, from: { readonly remoteAddress: string }): Promise<Proven>;
  /** By an administrator: the account and an open enrollment are gone, and so are the person's sessions. */
  forget(tx: TenantTransaction, personId: string, origin: Origin): Promise<void>;
}

export type Proven = { readonly kind: "person"; readonly tenantId: string; readonly personId: string } | { readonly kind: "wrong" } | { readonly kind: "refused"; readonly error: SignInError };

/** Long enough to find the telephone and to think of a password. */
const setupMs = 30 * 60_000;
const forever = new Date(8_640_000_000_000_000);

/** Where there is no account, one is checked all the same, against these: the same work for every name. */
const nobody = { password: hashPassword(newCodeSecret()), secret: newCodeSecret() };

export function createLocalAccounts({ db, clock, nodeId, secret }: { db: Db; clock: Clock; nodeId: string; secret: Uint8Array }): LocalAccounts {
  const setups = createCookieSeal(secret, "setup");
  const codes = createCookieSeal(secret, "one-time codes");

  /** What codes are made of, if it was sealed for this person: nobody's passes for another's. */
  function codeSecretOf(sealed: string, tenantId: string, personId: string): string | null {
    const opened = codes.open(sealed, clock.now()) as { tenantId: string; personId: string; secret: string } | null;
    return opened !== null && opened.tenantId === tenantId && opened.personId === personId ? opened.secret : null;
  }

  async function find(slug: string, upn: string) {
    const tenant = await withSystem(db, (tx) => tx.selectFrom("tenants").select("tenant_id").where("slug", "=", slug).executeTakeFirst());
    if (tenant === undefined) return null;
    const row = await withTenant(db, tenant.tenant_id, (tx) =>
      tx
        .selectFrom("people as person")
        .innerJoin("local_accounts as account", (join) => join.onRef("account.tenant_id", "=", "person.tenant_id").onRef("account.person_id", "=", "person.person_id"))
        .select(["person.person_id", "person.display_name", "person.role", "person.portal_access", "person.valid_till", "person.deleted_at", "account.password_hash", "account.code_sealed", "account.code_step"])
        .where((eb) => eb(eb.fn<string>("lower", ["person.upn"]), "=", upn.toLowerCase()))
        .where("person.deleted_at", "is", null)
        .executeTakeFirst(),
    );
    return row === undefined ? null : { tenantId: tenant.tenant_id, ...row };
  }

  return {
    look: (enrollment) =>
      withEnrolled(db, enrollment, clock.now(), async (tx, { tenantId, enrollmentId, person }) => {
        const { display_name: name, slug } = await tx.selectFrom("tenants").select(["display_name", "slug"]).executeTakeFirstOrThrow();
        const made = newCodeSecret();
        const setup = setups.seal({ enrollmentId, secret: made }, new Date(clock.now().getTime() + setupMs));
        return { person: { name: person.display_name, upn: person.upn }, tenant: { name, slug }, code: { secret: made, uri: codeUri(made, { issuer: "Earwitness", account: `${person.upn} (${slug})` }) }, setup, tenantId };
      }),

    async accept({ enrollment, setup, password, code }, { remoteAddress }) {
      const now = clock.now();
      const mistake = passwordMistake(password);
      if (mistake !== null) throw new Refusal("VALIDATION", 400, `The password ${mistake}.`, [{ where: "body.password", message: mistake }]);
      const opened = setups.open(setup, now) as { enrollmentId: string; secret: string } | null;
      if (opened === null) throw new Refusal("SETUP_OVER", 410, "This took longer than half an hour. Open the enrollment again.");
      const step = stepOfCode(opened.secret, code, now, 0);
      if (step === null) throw new Refusal("VALIDATION", 400, "The one-time code is not the one that your app should show. Look whether the telephone's clock is right.", [{ where: "body.code", message: "is not the one of this moment" }]);
      // Hashed before the transaction: an open one would wait for it.
      const passwordHash = await hashPassword(password);
      return await withEnrolled(db, enrollment, now, async (tx, { tenantId, enrollmentId, person, fingerprint }) => {
        if (enrollmentId !== opened.enrollmentId) throw new Refusal("SETUP_OVER", 410, "This was begun with another enrollment. Open the enrollment again.");
        const personId = person.person_id;
        const before = await tx.selectFrom("local_accounts").select(["password_hash", "code_sealed", "since"]).where("person_id", "=", personId).executeTakeFirst();
        const row = { password_hash: passwordHash, code_sealed: codes.seal({ tenantId, personId, secret: opened.secret }, forever), code_step: step, since: now };
        await tx.insertInto("local_accounts").values({ tenant_id: tenantId, person_id: personId, ...row }).onConflict((conflict) => conflict.columns(["tenant_id", "person_id"]).doUpdateSet(row)).execute();
        await takeBack(tx, personId);
        const actor: Actor = { kind: "person", id: personId, name: person.display_name };
        const change = { enrollment: { from: fingerprint, to: null }, local_sign_in: { from: localFingerprint(before), to: localFingerprint(row) } };
        await append(tx, { actor, action: "Modify", item: "User", subject: personId, occurredAt: now, nodeId, remoteAddress, detail: { name: person.display_name, change } });
        await endSessions(tx, person, { actor, occurredAt: now, nodeId, remoteAddress }, "account set up anew");
        return { tenantId, personId };
      });
    },

    async prove({ tenant, upn, password, code }, { remoteAddress }) {
      const now = clock.now();
      const found = await find(tenant, upn);
      const codeSecret = found === null ? null : codeSecretOf(found.code_sealed, found.tenantId, found.person_id);
      const isRight = await isPassword(password, found?.password_hash ?? (await nobody.password));
      const step = stepOfCode(codeSecret ?? nobody.secret, code, now, found?.code_step ?? 0);
      if (found === null) return { kind: "wrong" };
      const failed = (why: string) => ({ actor: { kind: "person" as const, id: found.person_id, name: found.display_name }, action: "Login Failed" as const, item: "Session" as const, occurredAt: now, nodeId, remoteAddress, detail: { why } });
      return await withTenant(db, found.tenantId, async (tx): Promise<Proven> => {
        // One code opens one session, also where two come with it at the same moment.
        const isFresh = isRight && codeSecret !== null && step !== null && (await tx.updateTable("local_accounts").set({ code_step: step }).where("person_id", "=", found.person_id).where("code_step", "<", step).executeTakeFirst()).numUpdatedRows > 0n;
        if (!isFresh) {
          await appendOnce(tx, failed("wrong_password_or_code"));
          return { kind: "wrong" };
        }
        const error = noEntryFor(found, now) ?? ((await rightsOfPerson(tx, found.person_id, found.role, now)).permissions.size === 0 ? ("no_access" as const) : null);
        if (error === null) return { kind: "person", tenantId: found.tenantId, personId: found.person_id };
        await append(tx, failed(error));
        return { kind: "refused", error };
      });
    },

    async forget(tx, personId, origin) {
      const person = await tx.selectFrom("people").select(["person_id", "display_name"]).where("person_id", "=", personId).where("deleted_at", "is", null).executeTakeFirst();
      if (person === undefined) throw new Refusal("PERSON_NOT_FOUND", 404, "There is no such person.");
      await refuseStandingFor(tx, origin.actor, personId, origin.occurredAt);
      const enrollment = await takeBack(tx, personId);
      const account = await takeAccount(tx, personId);
      if (enrollment === null && account === null) return;
      const change = { ...(enrollment === null ? {} : { enrollment: { from: enrollment, to: null } }), ...(account === null ? {} : { local_sign_in: { from: account, to: null } }) };
      await append(tx, { ...origin, action: "Modify", item: "User", subject: personId, detail: { name: person.display_name, change } });
      await endSessions(tx, person, origin, "account taken away");
    },
  };
}
