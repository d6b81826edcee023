/** A connection that the provision file names is made where there is none; what people set in the portal since stays. */
import { append, fingerprintOf, type Actor } from "#evidence";
import { chooseGroups, type DirectoryGroupNamed } from "#people";
import { readConnection } from "./connection.ts";
import { changing, evidenceOf, type Parts } from "./replicating.ts";
import { newRun } from "./runs.ts";
import { sealSecret } from "./sealed-secret.ts";

export interface ProvisionedConnection {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly recordsNew: boolean;
  readonly groups: readonly DirectoryGroupNamed[];
}

/** Microsoft is not asked now: it may come up after us, as the sandbox's does. */
export async function provisionConnection(parts: Parts, tenantId: string, by: Actor, { clientId, clientSecret, recordsNew, groups }: ProvisionedConnection): Promise<void> {
  const { db, clock, nodeId, vault, announce } = parts;
  if ((await changing(parts, tenantId, readConnection)) !== null) return;
  const { keyId, sealed } = await sealSecret(vault, tenantId, clientId, clientSecret);
  const isMade = await changing(parts, tenantId, async (tx) => {
    if ((await readConnection(tx)) !== null) return false;
    await tx.insertInto("directory_connections").values({ tenant_id: tenantId, client_id: clientId, secret_key_id: keyId, secret_sealed: sealed, secret_set_at: clock.now(), secret_expires_on: null, records_new: recordsNew, looked_at: null }).execute();
    const change = Object.fromEntries(Object.entries({ client_id: clientId, records_new: recordsNew, secret_expires_on: null }).map(([field, to]) => [field, { from: null, to }]));
    await append(tx, { ...evidenceOf(parts, { tenantId, by }, "Add", { name: "connection", change, fingerprint: fingerprintOf(keyId, sealed) }), subject: tenantId });
    return true;
  });
  if (!isMade) return await vault.keystore.destroy(tenantId, keyId);
  if (groups.length > 0) await chooseGroups({ db, clock, nodeId, announce }, { tenantId, by, mayGiveAccess: false }, groups);
  await changing(parts, tenantId, async (tx) => parts.enqueue(tx, (await newRun(tx, "everything", "asked", by, clock.now())).run_id));
}
