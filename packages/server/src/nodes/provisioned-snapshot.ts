import type { EnsureKey, Provision } from "#tenants";
import type { Snapshot } from "./snapshot.ts";

/** A provision file as a node would read it back from the database; the tenants' keys are made here, as they would be there. */
export async function snapshotOf({ tenants }: Provision, ruleVersion: string, ensureKey: EnsureKey): Promise<Snapshot> {
  return {
    ruleVersion,
    tenants: await Promise.all(
      tenants.map(async ({ tenantId, slug, displayName, sandbox, keepOriginal, people, trunks }) => {
        const { publicKey, publicKeyId } = await ensureKey(tenantId);
        return {
          tenantId,
          slug,
          displayName,
          sandbox,
          keepOriginal,
          publicKey: Buffer.from(publicKey).toString("base64url"),
          publicKeyId,
          people: people.map((person) => ({ personId: person.personId, upn: person.upn, displayName: person.displayName, recorded: person.recorded, addresses: [...person.addresses], extensions: [...(person.extensions ?? [])] })),
          // Nobody knows yet which is older, so they stand by their ids; the database's own order follows with it.
          trunks: trunks.toSorted((a, b) => (a.trunkId < b.trunkId ? -1 : 1)).map(({ trunkId, settings, recordingUser, digest }) => ({ trunkId, ...settings, recordingUser, digest })),
        };
      }),
    ),
  };
}
