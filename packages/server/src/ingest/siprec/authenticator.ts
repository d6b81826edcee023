/** Digest authentication of requests (RFC 3261 §22, RFC 7616, RFC 8760). */
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { digestChallenge, digestResponse, parseDigestAuthorization } from "@earwitness/media";
import type { DigestAlgorithm, DigestAuthorization, SipHeaderField } from "@earwitness/media";
import type { DigestCredentials } from "#trunks";
import type { Incoming } from "./incoming.ts";
import { warning } from "./reply.ts";
import type { Answer } from "./reply.ts";

export interface Authenticator {
  /** Null: these are the credentials, used for the first time for this request. Else how to answer. */
  challenge(incoming: Incoming, credentials: DigestCredentials): Answer | null;
}

/** Long enough for a client to use one for the requests of many calls; what was overheard is worth nothing after it. */
const nonceLifeMs = 300_000;
/** Only who has the credentials can fill this: 20,000 nonces in five minutes are 66 clients that take a new one every second. */
const maxNonces = 20_000;
/** RFC 3261 §22.3: a client may carry credentials for other realms as well. */
const maxAuthorizations = 5;
const tagBytes = 16;
/**
 * Some clients give up over a 401 that names an algorithm they do not know, whatever stands beside it; or they read the first challenge
 * alone. RFC 8760 wants SHA-256 named, and on top. So who leaves a challenge unanswered for this long is asked for MD5 alone from then on,
 * and if that is left unanswered, for both again.
 */
const unansweredMs = 2_000;
const maxClients = 10_000;
/** Parallel requests overtake each other over UDP: so many counts behind the highest are still told apart. */
const window = 64;
const windowBits = (1n << BigInt(window)) - 1n;

interface Uses {
  readonly issuedMs: number;
  highest: number;
  /** Bit i: `highest - i` was used. */
  seen: bigint;
}

/**
 * A nonce is its own record: when it was made, something random, and a code over that and the address it was given to. Nothing is kept for
 * a challenge; what is kept is how often a nonce was used with the right password, so that no message works twice.
 */
export function createAuthenticator(nowMs: () => number, secret: Uint8Array = randomBytes(32)): Authenticator {
  const used = new Map<string, Uses>();
  /** Nonces from before this are taken for expired: the record of what they were used for had to make room. */
  let oldestMs = 0;
  const clients = new Map<string, { readonly unansweredSinceMs: number | null; readonly md5Alone: boolean }>();

  function remembered(address: string): { readonly unansweredSinceMs: number | null; readonly md5Alone: boolean } {
    return clients.get(address) ?? { unansweredSinceMs: null, md5Alone: false };
  }

  function algorithmsFor(address: string): readonly DigestAlgorithm[] {
    const { unansweredSinceMs: sinceMs, md5Alone } = remembered(address);
    const gaveUp = sinceMs !== null && nowMs() - sinceMs > unansweredMs;
    const client = { unansweredSinceMs: gaveUp ? nowMs() : (sinceMs ?? nowMs()), md5Alone: gaveUp !== md5Alone };
    clients.delete(address);
    clients.set(address, client);
    if (clients.size > maxClients) clients.delete(clients.keys().next().value!);
    return client.md5Alone ? ["MD5"] : ["SHA-256", "MD5"];
  }

  /** It does answer, rightly or not. One that answers by SHA-256 needs no exception. */
  function hasAnswered(address: string, algorithm: string): void {
    if (remembered(address).md5Alone && algorithm === "MD5") clients.set(address, { unansweredSinceMs: null, md5Alone: true });
    else clients.delete(address);
  }

  const code = (head: Uint8Array, address: string, realm: string): Buffer =>
    createHmac("sha256", secret).update(head).update(JSON.stringify([address, realm])).digest().subarray(0, tagBytes);

  function newNonce(address: string, realm: string): string {
    const head = Buffer.alloc(16);
    head.writeUIntBE(nowMs(), 0, 6);
    randomBytes(10).copy(head, 6);
    return Buffer.concat([head, code(head, address, realm)]).toString("base64url");
  }

  /** When it was made, or null where it is not one of ours for this address. */
  function issuedAt(nonce: string, address: string, realm: string): number | null {
    if (!/^[\w-]{43}$/.test(nonce)) return null; // 32 bytes
    const bytes = Buffer.from(nonce, "base64url");
    // The last character holds two bits too many: another spelling of the same bytes would be counted apart.
    if (bytes.length !== 32 || bytes.toString("base64url") !== nonce) return null;
    const head = bytes.subarray(0, 16);
    return timingSafeEqual(bytes.subarray(16), code(head, address, realm)) ? head.readUIntBE(0, 6) : null;
  }

  /** False where this count of this nonce was used before, or may have been. */
  function takeCount(nonce: string, issuedMs: number, count: number): boolean {
    const uses = used.get(nonce) ?? { issuedMs, highest: 0, seen: 0n };
    if (count > uses.highest) {
      const ahead = count - uses.highest;
      uses.seen = (ahead >= window ? 0n : (uses.seen << BigInt(ahead)) & windowBits) | 1n;
      uses.highest = count;
    } else {
      const behind = uses.highest - count;
      if (behind >= window) return false;
      const bit = 1n << BigInt(behind);
      if ((uses.seen & bit) !== 0n) return false;
      uses.seen |= bit;
    }
    if (!used.has(nonce)) remember(nonce, uses);
    return true;
  }

  function remember(nonce: string, uses: Uses): void {
    used.set(nonce, uses);
    for (const [other, { issuedMs }] of used) {
      const expired = nowMs() - issuedMs > nonceLifeMs;
      if (!expired && used.size <= maxNonces) return;
      used.delete(other);
      if (!expired) oldestMs = Math.max(oldestMs, issuedMs + 1);
    }
  }

  return {
    challenge({ request, flow }, credentials) {
      const { realm } = credentials;
      const { address } = flow.remote;
      const refuse = (reason: "CREDENTIALS_MISSING" | "CREDENTIALS_WRONG", words: string, stale = false): Answer => {
        const nonce = newNonce(address, realm);
        const challenges = algorithmsFor(address).map((algorithm): SipHeaderField => ["WWW-Authenticate", digestChallenge({ realm, nonce, algorithm, stale })]);
        return { status: 401, headers: [...challenges, warning(399, words)], reason };
      };

      const lines = request.headers.all("Authorization");
      const claims = lines.slice(0, maxAuthorizations).map(parseDigestAuthorization);
      const claim = claims.flatMap((one) => (one.ok && one.value.realm === realm ? [one.value] : []))[0];
      if (claim === undefined) {
        const [broken] = claims;
        if (broken !== undefined && !broken.ok) return refuse("CREDENTIALS_WRONG", broken.reason);
        return refuse("CREDENTIALS_MISSING", "credentials are needed");
      }
      hasAnswered(address, claim.algorithm);
      if (claim.algorithm !== "MD5" && claim.algorithm !== "SHA-256") return refuse("CREDENTIALS_WRONG", "digest algorithm was not offered: use SHA-256 or MD5");
      if (claim.qop !== null && claim.qop !== "auth") return refuse("CREDENTIALS_WRONG", "qop was not offered: use auth");

      // An unknown name is answered like a wrong password, and takes as long.
      if (!isRight(claim, claim.algorithm, request.method, credentials)) return refuse("CREDENTIALS_WRONG", "wrong credentials");
      const issuedMs = issuedAt(claim.nonce, address, realm);
      const fresh = issuedMs !== null && issuedMs >= oldestMs && issuedMs <= nowMs() && nowMs() - issuedMs <= nonceLifeMs;
      // Without a count a nonce is good once. Who has the password learns that it was right, and nobody else gets here.
      if (fresh && takeCount(claim.nonce, issuedMs, claim.nonceCount ?? 1)) return null;
      return refuse("CREDENTIALS_WRONG", "the nonce is used up", true);
    },
  };
}

function isRight(claim: DigestAuthorization, algorithm: DigestAlgorithm, method: string, credentials: DigestCredentials): boolean {
  const ha1 = algorithm === "MD5" ? credentials.ha1Md5 : credentials.ha1Sha256;
  const sameName = isEqual(claim.username, credentials.username);
  const sameResponse = isEqual(claim.response.toLowerCase(), digestResponse(algorithm, ha1, method, claim));
  return sameName && sameResponse && !claim.hashedName;
}

/** In a time that tells nothing: hashes are of one length, and compared to the end. */
function isEqual(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text, "utf8").digest();
  return timingSafeEqual(digest(one), digest(other));
}
