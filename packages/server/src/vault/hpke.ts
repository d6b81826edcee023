/**
 * Seals data keys to a tenant's public key: HPKE (RFC 9180) in base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
 * AES-256-GCM. A recorder holds public keys only and so cannot open what it sealed yesterday.
 *
 *   "EWK1" | public key id (16 hex characters) | encapsulated key (32) | ciphertext of the data key (48)
 */
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
import { createHash } from "node:crypto";
import { NotAuthentic } from "./envelope.ts";

const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
const magic = Buffer.from("EWK1");
const publicKeyIdBytes = 16;
const encapsulatedBytes = 32;
const sealedKeyBytes = magic.length + publicKeyIdBytes + encapsulatedBytes + 32 + 16;
const info = Buffer.from("earwitness v1 data key");

/** What a sealed data key is bound to; opening it as another tenant's or another key's fails. */
export interface DataKeyIdentity {
  readonly tenantId: string;
  readonly keyId: string;
}

export interface KeyPair {
  readonly publicKeyId: string;
  readonly publicKey: Uint8Array; // 32, as in RFC 7748
  readonly privateKey: Uint8Array; // 32
}

export async function generateKeyPair(): Promise<KeyPair> {
  const pair = await suite.kem.generateKeyPair();
  const publicKey = new Uint8Array(await suite.kem.serializePublicKey(pair.publicKey));
  const privateKey = new Uint8Array(await suite.kem.serializePrivateKey(pair.privateKey));
  return { publicKeyId: publicKeyIdOf(publicKey), publicKey, privateKey };
}

export function publicKeyIdOf(publicKey: Uint8Array): string {
  return createHash("sha256").update(publicKey).digest("hex").slice(0, publicKeyIdBytes);
}

export async function sealDataKey(recipient: { readonly publicKeyId: string; readonly publicKey: Uint8Array }, identity: DataKeyIdentity, dataKey: Uint8Array): Promise<Buffer> {
  if (publicKeyIdOf(recipient.publicKey) !== recipient.publicKeyId) throw new Error(`public key ${recipient.publicKeyId} is not the key of that id`);
  const recipientPublicKey = await suite.kem.deserializePublicKey(recipient.publicKey);
  const { enc, ct } = await suite.seal({ recipientPublicKey, info }, dataKey, boundTo(identity, recipient.publicKeyId));
  return Buffer.concat([magic, Buffer.from(recipient.publicKeyId, "latin1"), new Uint8Array(enc), new Uint8Array(ct)]);
}

/** Which of a tenant's public keys a data key was sealed to. */
export function sealedTo(sealed: Uint8Array): string {
  if (sealed.length !== sealedKeyBytes || !magic.equals(sealed.subarray(0, magic.length))) throw new NotAuthentic("a sealed data key");
  return Buffer.from(sealed.subarray(magic.length, magic.length + publicKeyIdBytes)).toString("latin1");
}

export async function openDataKey(privateKey: Uint8Array, identity: DataKeyIdentity, sealed: Uint8Array): Promise<Uint8Array> {
  const publicKeyId = sealedTo(sealed);
  const enc = sealed.slice(magic.length + publicKeyIdBytes, magic.length + publicKeyIdBytes + encapsulatedBytes);
  const ciphertext = sealed.slice(magic.length + publicKeyIdBytes + encapsulatedBytes);
  const recipientKey = await suite.kem.deserializePrivateKey(privateKey);
  try {
    return new Uint8Array(await suite.open({ recipientKey, enc, info }, ciphertext, boundTo(identity, publicKeyId)));
  } catch {
    throw new NotAuthentic(`data key ${identity.keyId}`);
  }
}

function boundTo(identity: DataKeyIdentity, publicKeyId: string): Buffer {
  return Buffer.from(`${identity.tenantId}\0${identity.keyId}\0${publicKeyId}`);
}
