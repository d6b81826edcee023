import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

/** Encrypts small values that a browser keeps for us for a few minutes, so that no node has to remember them. */
export interface CookieSeal {
  seal(value: unknown, goodUntil: Date): string;
  /** Null for anything that was not sealed here, or whose time is over. */
  open(text: string, now: Date): unknown;
}

const nonceBytes = 12;
const tagBytes = 16;

/** `secret` is the installation's, the same on every node. `purpose` keeps one kind of cookie from passing for another. */
export function createCookieSeal(secret: Uint8Array, purpose: string): CookieSeal {
  const key = Buffer.from(hkdfSync("sha256", secret, new Uint8Array(0), `earwitness cookie ${purpose}`, 32));
  return {
    seal(value, goodUntil) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv("aes-256-gcm", key, nonce);
      const text = JSON.stringify({ value, goodUntilMs: goodUntil.getTime() });
      return Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]).toString("base64url");
    },
    open(text, now) {
      const bytes = Buffer.from(text, "base64url");
      if (bytes.length < nonceBytes + tagBytes) return null;
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, nonceBytes));
      decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes));
      try {
        const opened = Buffer.concat([decipher.update(bytes.subarray(nonceBytes, bytes.length - tagBytes)), decipher.final()]);
        const { value, goodUntilMs } = JSON.parse(opened.toString("utf8")) as { value: unknown; goodUntilMs: number };
        return goodUntilMs > now.getTime() ? value : null;
      } catch {
        return null; // not ours: a stranger's, or sealed before the secret was changed
      }
    },
  };
}
