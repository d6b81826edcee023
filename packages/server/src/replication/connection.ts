/** A tenant's connection to its directory, as the database has it, and the client that it makes. */
import type { DirectorySettings } from "@earwitness/contract";
import type { TenantTransaction } from "#db";
import { createGraphClient, type GraphClient } from "#directory";
import { Refusal } from "#errors";
import type { Parts } from "./replicating.ts";
import { openSecret, type SealedSecret } from "./sealed-secret.ts";

export interface Connection {
  readonly settings: DirectorySettings;
  readonly secret: SealedSecret;
  readonly secretSetAt: Date;
  readonly lookedAt: Date | null;
}

export async function readConnection(tx: TenantTransaction): Promise<Connection | null> {
  const row = await tx.selectFrom("directory_connections").selectAll().executeTakeFirst();
  if (row === undefined) return null;
  return {
    settings: { clientId: row.client_id, recordsNew: row.records_new, secretExpiresOn: row.secret_expires_on },
    secret: { keyId: row.secret_key_id, sealed: row.secret_sealed },
    secretSetAt: row.secret_set_at,
    lookedAt: row.looked_at,
  };
}

export async function readM365Tenant(tx: TenantTransaction): Promise<string | null> {
  return (await tx.selectFrom("tenants").select("m365_tenant_id").executeTakeFirstOrThrow()).m365_tenant_id;
}

export function m365TenantOf(m365TenantId: string | null): string {
  if (m365TenantId !== null) return m365TenantId;
  throw new Refusal("NO_M365_TENANT", 409, "It is not known which Microsoft 365 tenant is yours: the operator of Earwitness sets its id.");
}

export const notConnected = (): Refusal => new Refusal("NOT_CONNECTED", 409, "The directory is not connected: give the app's client id and secret first.");

export function clientWith({ graphUrl, loginUrl, client = {} }: Parts, m365TenantId: string, clientId: string, clientSecret: string): GraphClient {
  return createGraphClient({ graphUrl, loginUrl, m365TenantId, clientId, clientSecret }, client);
}

export async function clientOf(parts: Parts, tenantId: string, m365TenantId: string | null, { settings, secret }: Connection): Promise<GraphClient> {
  return clientWith(parts, m365TenantOf(m365TenantId), settings.clientId, await openSecret(parts.vault, tenantId, settings.clientId, secret));
}
