import { createHash, randomInt } from "node:crypto";

export const realm = "earwitness";
/** No two look alike in any typeface that a border controller's page may have; 24 of them are 137 bits. */
const letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
const length = 24;

export const newPassword = (): string => Array.from({ length }, () => letters[randomInt(letters.length)]).join("");

/** H(username:realm:password) for both algorithms that clients know (RFC 8760): all that is needed to check a client, and all that is kept. */
export function ha1Of(username: string, password: string): { readonly md5: string; readonly sha256: string } {
  const text = `${username}:${realm}:${password}`;
  return { md5: createHash("md5").update(text).digest("hex"), sha256: createHash("sha256").update(text).digest("hex") };
}
