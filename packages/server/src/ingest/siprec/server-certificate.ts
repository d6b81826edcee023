/** Our certificate for SIP over TLS, read from files and read again while we run: renewing it costs no call and no restart. */
import { X509Certificate, constants, createPrivateKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import type { SecureContextOptions } from "node:tls";
import type { Clock } from "#clock";
import { messageOf } from "#errors";
import type { Log } from "#log";
import type { Timer, Timers } from "./timers.ts";

export interface CertificateFiles {
  /** PEM: our certificate, then those of the authorities between it and the root. */
  readonly certificatePath: string;
  readonly keyPath: string;
  /** PEM: authorities that a client's certificate must come from where we connect to it. Null: it is not checked. */
  readonly authoritiesPath: string | null;
}

export interface ServerCertificate {
  /** For contexts of either direction, as of now. */
  readonly secure: SecureContextOptions;
  /** PEM of `authoritiesPath`. Never named to who connects to us: a client would keep its certificate to itself where it is of another's. */
  readonly authorities: string | null;
  readonly expiresAt: Date;
  /** Times that another pair was taken. */
  readonly reloads: number;
  /** Why the pair in the files is not the one in use; null where it is. */
  readonly problem: string | null;
  onChange(changed: () => void): void;
  close(): void;
}

export interface CertificateOptions extends CertificateFiles {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
}

/**
 * Files are looked at, not watched: a renewal replaces a link, a mounted secret swaps its directory, a network disk tells nobody. A pair
 * counts once two looks in a row have seen it alike, so one written in two steps is never judged half way.
 */
export const certificateLookMs = 10_000;
const warnBeforeMs = 30 * 86_400_000;

interface Pair {
  readonly certificate: string;
  readonly key: string;
  readonly authorities: string | null;
}

interface Usable {
  readonly secure: SecureContextOptions;
  readonly expiresAt: Date;
}

/** Rejects where the files hold no usable pair: what is configured and does not work is told at the start. */
export async function openServerCertificate(options: CertificateOptions): Promise<ServerCertificate> {
  const { clock, timers, log } = options;
  let seen = await readPair(options);
  let inUse = seen;
  let usable = usableOf(seen, options);
  let reloads = 0;
  let problem: string | null = null;
  let expiryToldMs = 0;
  let timer: Timer | null = null;
  let closed = false;
  const listeners: (() => void)[] = [];

  function sayExpiry(): void {
    const nowMs = clock.now().getTime();
    const leftMs = usable.expiresAt.getTime() - nowMs;
    if (leftMs > warnBeforeMs || nowMs - expiryToldMs < 86_400_000) return;
    expiryToldMs = nowMs;
    if (leftMs > 0) log.warn({ expiresAt: usable.expiresAt }, "the certificate for SIP over TLS expires soon");
    else log.error({ expiresAt: usable.expiresAt }, "the certificate for SIP over TLS has expired: clients that check it cannot connect");
  }

  async function look(): Promise<void> {
    try {
      const found = await readPair(options);
      const settled = isSame(found, seen);
      seen = found;
      if (closed || !settled || (problem === null && isSame(found, inUse))) return;
      const next = usableOf(found, options);
      if (next.expiresAt <= clock.now() && usable.expiresAt > next.expiresAt) throw new Error(`the certificate expired at ${next.expiresAt.toISOString()}`);
      const changed = !isSame(found, inUse);
      usable = next;
      inUse = found;
      problem = null;
      if (!changed) return;
      reloads += 1;
      expiryToldMs = 0;
      log.info({ expiresAt: usable.expiresAt }, "new certificate for SIP over TLS in use");
      for (const listener of listeners) listener();
    } catch (thrown) {
      const reason = messageOf(thrown);
      if (reason !== problem) log.error({ reason, certificate: options.certificatePath }, "the new certificate for SIP over TLS cannot be used; going on with the one before");
      problem = reason;
    }
  }

  function lookLater(): void {
    timer = timers.after(certificateLookMs, () => {
      sayExpiry();
      void look().finally(() => {
        if (!closed) lookLater();
      });
    });
  }

  sayExpiry();
  lookLater();
  return {
    get secure() {
      return usable.secure;
    },
    get authorities() {
      return inUse.authorities;
    },
    get expiresAt() {
      return usable.expiresAt;
    },
    get reloads() {
      return reloads;
    },
    get problem() {
      return problem;
    },
    onChange: (listener) => void listeners.push(listener),
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}

async function readPair({ certificatePath, keyPath, authoritiesPath }: CertificateFiles): Promise<Pair> {
  return {
    certificate: await readText(certificatePath),
    key: await readText(keyPath),
    authorities: authoritiesPath === null ? null : await readText(authoritiesPath),
  };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (thrown) {
    throw new Error(`${path} cannot be read: ${messageOf(thrown)}`, { cause: thrown });
  }
}

const isSame = (one: Pair, other: Pair): boolean => one.certificate === other.certificate && one.key === other.key && one.authorities === other.authorities;

function usableOf(pair: Pair, files: CertificateFiles): Usable {
  const leaf = within(`${files.certificatePath} holds no certificate in PEM form`, () => new X509Certificate(pair.certificate));
  const key = within(`${files.keyPath} holds no private key in PEM form without a passphrase`, () => createPrivateKey(pair.key));
  if (!leaf.checkPrivateKey(key)) throw new Error(`the key in ${files.keyPath} is not that of the first certificate in ${files.certificatePath}`);
  const secure: SecureContextOptions = {
    cert: pair.certificate,
    key: pair.key,
    minVersion: "TLSv1.2",
    maxVersion: "TLSv1.3",
    // Resuming would bring back a client's leaf without the certificates between it and its root, and outlive a trunk's change of them.
    // Connections live for hours: full handshakes cost nothing that matters. Renegotiation is only good for making us sign.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_CIPHER_SERVER_PREFERENCE,
  };
  if (pair.authorities !== null) within(`${files.authoritiesPath} holds no certificate in PEM form`, () => new X509Certificate(pair.authorities ?? ""));
  within(`${files.certificatePath} and ${files.keyPath} cannot be used for TLS`, () => createSecureContext(secure));
  return { secure, expiresAt: new Date(leaf.validTo) };
}

function within<T>(otherwise: string, make: () => T): T {
  try {
    return make();
  } catch (thrown) {
    throw new Error(`${otherwise}: ${messageOf(thrown)}`, { cause: thrown });
  }
}
