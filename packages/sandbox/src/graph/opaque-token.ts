import { createHmac, randomBytes } from "node:crypto";

/** Tokens in nextLinks and deltaLinks: whatever stands in them is known here only, and cannot be changed elsewhere. */
export interface OpaqueTokens {
  write(value: object): string;
  /** null: none of ours. */
  read(token: string): Record<string, unknown> | null;
}

export function createOpaqueTokens(): OpaqueTokens {
  const key = randomBytes(32);
  const seal = (body: string): string => createHmac("sha256", key).update(body).digest("base64url").slice(0, 22);
  return {
    write(value) {
      const body = Buffer.from(JSON.stringify(value)).toString("base64url");
      return body + seal(body);
    },
    read(token) {
      const body = token.slice(0, -22);
      return token.slice(-22) === seal(body) ? (JSON.parse(Buffer.from(body, "base64url").toString("utf8")) as Record<string, unknown>) : null;
    },
  };
}
