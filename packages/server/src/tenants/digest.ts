/** Digest authentication of a trunk's clients (RFC 8760): the password is kept nowhere, only what is needed to check who says it. */
import { createHash } from "node:crypto";
import type { Trunk } from "@earwitness/contract";
import type { Database } from "#db";
import type { Selectable } from "kysely";

export const realm = "earwitness";

export interface TrunkDigest {
  readonly username: string;
  readonly realm: string;
  /** H(username:realm:password) in hex, for both algorithms that clients know. */
  readonly ha1Md5: string;
  readonly ha1Sha256: string;
}

export function digestOf(username: string, password: string): TrunkDigest {
  const hashed = (algorithm: "md5" | "sha256"): string => createHash(algorithm).update(`${username}:${realm}:${password}`).digest("hex");
  return { username, realm, ha1Md5: hashed("md5"), ha1Sha256: hashed("sha256") };
}

type DigestColumns = Pick<Selectable<Database["trunks"]>, "digest_username" | "digest_realm" | "digest_ha1_md5" | "digest_ha1_sha256" | "digest_set_at">;

/** Null: clients are not asked. */
export const digestColumns = (digest: TrunkDigest | null, setAt: Date): DigestColumns => ({
  digest_username: digest && digest.username,
  digest_realm: digest && digest.realm,
  digest_ha1_md5: digest && digest.ha1Md5,
  digest_ha1_sha256: digest && digest.ha1Sha256,
  digest_set_at: digest && setAt,
});

/** What may be told of it: all but the hashes, with which a client could authenticate. */
export function toldDigest(row: DigestColumns): Trunk["digest"] {
  return row.digest_username === null ? null : { username: row.digest_username, realm: row.digest_realm!, setAt: row.digest_set_at!.toISOString() };
}

export const isSameDigest = (row: DigestColumns, digest: TrunkDigest): boolean =>
  row.digest_username === digest.username && row.digest_realm === digest.realm && row.digest_ha1_md5 === digest.ha1Md5 && row.digest_ha1_sha256 === digest.ha1Sha256;
