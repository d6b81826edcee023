import { Type, type Static } from "typebox";
import { Value } from "typebox/value";
import { TrunkSettings } from "@earwitness/contract";
import { withSystem, type Db } from "#db";
import { oldestFirst, trunkSettings } from "#tenants";
import type { NodeIdentity } from "./identity.ts";

/*
 * What a recorder must know to record, without the database: tenants with the public keys that data keys are sealed to,
 * their people and addresses, and who may send. Its only secrets are the digests of trunks' passwords: with one of them a
 * client could authenticate, from that trunk's networks. The file is the node's own user's alone.
 */

const settings = TrunkSettings.properties;

const Person = Type.Object({
  personId: Type.String(),
  upn: Type.String(),
  displayName: Type.String(),
  recorded: Type.Boolean(),
  addresses: Type.Array(Type.String()),
  extensions: Type.Array(Type.String()),
});

const Trunk = Type.Object({
  trunkId: Type.String(),
  name: Type.String(),
  sourceNetworks: Type.Array(Type.String()),
  personDomains: Type.Array(Type.String()),
  unknown: settings.unknown,
  enabled: Type.Boolean(),
  transport: settings.transport,
  media: settings.media,
  certificates: Type.Array(Type.String()),
  numbers: settings.numbers,
  matching: settings.matching,
  recordingUser: Type.Union([Type.String(), Type.Null()], { description: "null: known from the provision file alone, the database will make one" }),
  digest: Type.Union([Type.Object({ username: Type.String(), realm: Type.String(), ha1Md5: Type.String(), ha1Sha256: Type.String() }), Type.Null()]),
});

const Tenant = Type.Object({
  tenantId: Type.String(),
  slug: Type.String(),
  displayName: Type.String(),
  sandbox: Type.Boolean(),
  keepOriginal: Type.Boolean(),
  publicKey: Type.String({ description: "X25519, base64url" }),
  publicKeyId: Type.String(),
  people: Type.Array(Person),
  trunks: Type.Array(Trunk, { description: "the oldest first: of those with the same network it is the first that gets calls to no trunk's address" }),
});

const Content = Type.Object({ ruleVersion: Type.String(), tenants: Type.Array(Tenant) });
/** Signed with the time at which the database said so, and the node it was for. */
const Signed = Type.Object({ format: Type.Literal(2), nodeId: Type.String(), confirmedAt: Type.String({ format: "date-time" }), content: Content });
const Envelope = Type.Object({ signed: Type.String(), signature: Type.String() });

export type SnapshotPerson = Static<typeof Person>;
export type SnapshotTrunk = Static<typeof Trunk>;
export type SnapshotTenant = Static<typeof Tenant>;
export type Snapshot = Static<typeof Content>;

const purpose = "node snapshot 1";

/** Reads it from the database. The order is fixed, so that the same content is the same text. */
export async function readSnapshot(db: Db, ruleVersion: string): Promise<Snapshot> {
  return await withSystem(db, async (tx) => {
    const tenants = await tx.selectFrom("tenants").selectAll().orderBy("tenant_id").execute();
    const people = await tx.selectFrom("people").selectAll().where("deleted_at", "is", null).orderBy("tenant_id").orderBy("person_id").execute();
    const addresses = await tx.selectFrom("person_addresses").selectAll().orderBy("tenant_id").orderBy("address").execute();
    const extensions = await tx.selectFrom("person_extensions").selectAll().orderBy("tenant_id").orderBy("extension").execute();
    const trunks = await tx.selectFrom("trunks").selectAll().orderBy("tenant_id").orderBy(oldestFirst).orderBy("trunk_id").execute();

    const addressesOf = Map.groupBy(addresses, ({ tenant_id, person_id }) => `${tenant_id} ${person_id}`);
    const extensionsOf = Map.groupBy(extensions, ({ tenant_id, person_id }) => `${tenant_id} ${person_id}`);
    const peopleOf = Map.groupBy(people, ({ tenant_id }) => tenant_id);
    const trunksOf = Map.groupBy(trunks, ({ tenant_id }) => tenant_id);
    return {
      ruleVersion,
      tenants: tenants.map((tenant) => ({
        tenantId: tenant.tenant_id,
        slug: tenant.slug,
        displayName: tenant.display_name,
        sandbox: tenant.sandbox,
        keepOriginal: tenant.keep_original,
        publicKey: tenant.public_key.toString("base64url"),
        publicKeyId: tenant.public_key_id,
        people: (peopleOf.get(tenant.tenant_id) ?? []).map((person) => ({
          personId: person.person_id,
          upn: person.upn,
          displayName: person.display_name,
          recorded: person.recorded,
          addresses: (addressesOf.get(`${person.tenant_id} ${person.person_id}`) ?? []).map(({ address }) => address),
          extensions: (extensionsOf.get(`${person.tenant_id} ${person.person_id}`) ?? []).map(({ extension }) => extension),
        })),
        trunks: (trunksOf.get(tenant.tenant_id) ?? []).map((trunk) => ({
          trunkId: trunk.trunk_id,
          ...trunkSettings(trunk),
          recordingUser: trunk.recording_user,
          digest:
            trunk.digest_username === null ? null : { username: trunk.digest_username, realm: trunk.digest_realm!, ha1Md5: trunk.digest_ha1_md5!, ha1Sha256: trunk.digest_ha1_sha256! },
        })),
      })),
    };
  });
}

export function sealSnapshot(node: NodeIdentity, content: Snapshot, confirmedAt: Date): string {
  const signed = JSON.stringify({ format: 2, nodeId: node.nodeId, confirmedAt: confirmedAt.toISOString(), content } satisfies Static<typeof Signed>);
  const signature = Buffer.from(node.sign(purpose, Buffer.from(signed))).toString("base64url");
  return JSON.stringify({ signed, signature } satisfies Static<typeof Envelope>);
}

/** Throws for anything but what this node wrote itself. */
export function openSnapshot(node: NodeIdentity, text: string): { content: Snapshot; confirmedAt: Date } {
  const envelope = parseJson(text);
  if (!Value.Check(Envelope, envelope)) throw new Error("the snapshot is damaged");
  if (!node.verify(purpose, Buffer.from(envelope.signed), Buffer.from(envelope.signature, "base64url"))) throw new Error("the snapshot's signature is wrong: it was changed, or is another node's");
  const signed = parseJson(envelope.signed);
  if (!Value.Check(Signed, signed)) throw new Error("the snapshot is of another version of Earwitness");
  if (signed.nodeId !== node.nodeId) throw new Error(`the snapshot is of node ${signed.nodeId}`);
  return { content: signed.content, confirmedAt: new Date(signed.confirmedAt) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // no schema here takes null
  }
}
