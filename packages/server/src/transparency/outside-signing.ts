/**
 * Lets others sign what is kept, and tries again where one of them could not: a witness that was away for a night signs the newest
 * checkpoint in the morning, not each that it missed, since the newest one covers them all.
 */
import type { Clock } from "#clock";
import { withLog, withTenant, type Db } from "#db";
import { messageOf } from "#errors";
import { addToCheckpoint, newestCheckpoint, type KeptCheckpoint } from "#evidence";
import type { Log } from "#log";
import type { AfterKept } from "./checkpoint-keeper.ts";
import type { Added, OutsideSigner, Signing } from "./outside-signer.ts";

export interface OutsideSigningOptions {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  readonly signers: readonly OutsideSigner[];
  /** Whose checkpoints may have been left unsigned when this node stopped. */
  readonly tenants: () => Promise<readonly string[]>;
  /** When the schema is there. */
  readonly ready?: Promise<void>;
  /** How often it is looked whether somebody is to be asked again. */
  readonly beatMs?: number;
}

export interface SignerState {
  readonly name: string;
  /** Since the start. */
  readonly signed: number;
  readonly isReachable: boolean;
  /** Logs of which it will not sign the newest checkpoint. */
  readonly refused: number;
  /** Logs of which it saw another history. */
  readonly contradicted: number;
  /** Logs whose newest checkpoint it has not signed yet. */
  readonly owed: number;
}

export interface OutsideSigning {
  readonly afterKept: AfterKept;
  state(): readonly SignerState[];
  /** In words and without names of tenants. */
  warnings(): string[];
  close(): Promise<void>;
}

/** Whoever is away is asked after 1 s, 2 s, … 5 min; whoever refuses, with the next checkpoint and after 1 min, 2 min, … an hour: a person has to act first. */
const awayMs = { first: 1_000, most: 300_000 };
const refusedMs = { first: 60_000, most: 3_600_000 };
/** Logs that are shown to one of them at once. */
const lanes = 4;

interface Owed {
  isAsked: boolean;
  failures: number;
  notBeforeMs: number;
  problem: { readonly kind: "contradicted" | "refused"; readonly why: string } | null;
}

interface Account {
  readonly signer: OutsideSigner;
  readonly owed: Map<string, Owed>;
  signed: number;
  failures: number;
  notBeforeMs: number;
}

export function createOutsideSigning({ db, clock, log, signers, tenants, ready = Promise.resolve(), beatMs = 1_000 }: OutsideSigningOptions): OutsideSigning {
  const accounts = signers.map((signer): Account => ({ signer, owed: new Map(), signed: 0, failures: 0, notBeforeMs: 0 }));
  const nowMs = (): number => clock.now().getTime();
  let closed = false;

  /** A tenth more or less, so that nodes that lost somebody together do not come back together. */
  const delay = ({ first, most }: typeof awayMs, failures: number): number => Math.min(most, first * 2 ** Math.min(failures - 1, 20)) * (0.9 + Math.random() * 0.2);

  async function ask(account: Account, tenantId: string, kept: KeptCheckpoint): Promise<Added | null> {
    const { signer, owed } = account;
    const debt = owed.get(tenantId) ?? { isAsked: false, failures: 0, notBeforeMs: 0, problem: null };
    owed.set(tenantId, debt);
    if (debt.isAsked || account.notBeforeMs > nowMs()) return null;
    debt.isAsked = true;
    const done = await signer.sign(tenantId, kept).catch((error: unknown): Signing => ({ kind: "unreachable", why: messageOf(error) }));
    debt.isAsked = false;
    if (done.kind === "unreachable") {
      account.failures += 1;
      account.notBeforeMs = nowMs() + delay(awayMs, account.failures);
      if (account.failures === 1) log.warn({ signer: signer.name, why: done.why }, "a witness or timestamp authority cannot be used just now; trying again");
      return null;
    }
    if (account.failures > 0) log.info({ signer: signer.name, failures: account.failures }, "the witness or timestamp authority answers again");
    account.failures = 0;
    account.notBeforeMs = 0;
    if (done.kind === "overtaken") return null; // owed still: the newest one is looked at in a moment
    if (done.kind === "signed") {
      if (debt.problem !== null) log.info({ tenantId, signer: signer.name }, "the witness or timestamp authority signs for this log again");
      owed.delete(tenantId);
      account.signed += 1;
      return done.added;
    }
    const said = { tenantId, signer: signer.name, size: kept.size, why: done.why };
    if (debt.problem?.why !== done.why) {
      if (done.kind === "contradicted") log.error(said, "ALARM: a witness saw another history of this log");
      else log.error(said, "a witness or timestamp authority does not sign for this log");
    }
    debt.problem = { kind: done.kind, why: done.why };
    debt.failures += 1;
    debt.notBeforeMs = nowMs() + delay(refusedMs, debt.failures);
    return null;
  }

  /** What is owed, from the newest checkpoint of each log. */
  async function askAgain(account: Account): Promise<void> {
    const due = [...account.owed].filter(([, { isAsked, notBeforeMs }]) => !isAsked && notBeforeMs <= nowMs()).map(([tenantId]) => tenantId);
    await Promise.all(
      Array.from({ length: lanes }, async () => {
        for (let tenantId = due.shift(); tenantId !== undefined; tenantId = due.shift()) {
          if (closed || account.notBeforeMs > nowMs()) return;
          const of = tenantId;
          const newest = await withTenant(db, of, (tx) => newestCheckpoint(tx));
          if (newest === null || account.signer.has(newest)) {
            account.owed.delete(of);
            continue;
          }
          const added = await ask(account, of, newest);
          if (added !== null) await withLog(db, of, (tx) => addToCheckpoint(tx, newest.size, added));
        }
      }),
    );
  }

  let isReady = false;
  void ready.then(async () => {
    for (const tenantId of await tenants()) for (const { owed } of accounts) if (!owed.has(tenantId)) owed.set(tenantId, { isAsked: false, failures: 0, notBeforeMs: 0, problem: null });
    isReady = true;
  }).catch((error: unknown) => log.warn({ err: messageOf(error) }, "which checkpoints were left unsigned is not known; the next ones are signed"));
  let beating: Promise<unknown> | null = null;
  const timer = setInterval(() => {
    if (!isReady) return;
    beating ??= Promise.all(accounts.filter(({ notBeforeMs }) => notBeforeMs <= nowMs()).map(askAgain))
      .catch((error: unknown) => log.debug({ err: messageOf(error) }, "checkpoints could not be shown to others; trying again"))
      .finally(() => (beating = null));
  }, beatMs);

  const state = (): SignerState[] =>
    accounts.map(({ signer, owed, signed, failures }) => {
      const count = (kind: "contradicted" | "refused"): number => [...owed.values()].filter(({ problem }) => problem?.kind === kind).length;
      return { name: signer.name, signed, isReachable: failures === 0, refused: count("refused"), contradicted: count("contradicted"), owed: owed.size };
    });

  return {
    afterKept: {
      name: "outside",
      async run(tenantId, kept) {
        const all = await Promise.all(accounts.map((account) => ask(account, tenantId, kept)));
        const lines = all.flatMap((added) => added?.lines ?? []);
        const timestampToken = all.find((added) => added?.timestampToken !== undefined)?.timestampToken;
        return lines.length === 0 && timestampToken === undefined ? null : { lines, ...(timestampToken === undefined ? {} : { timestampToken }) };
      },
    },
    state,
    warnings: () =>
      state().flatMap(({ name, isReachable, refused, contradicted }) => [
        ...(contradicted > 0 ? [`ALARM: the witness ${name} saw another history of ${contradicted === 1 ? "the log of one tenant" : `the logs of ${contradicted} tenants`}: see the server's log.`] : []),
        ...(refused > 0 ? [`${name} does not sign for ${refused === 1 ? "the log of one tenant" : `the logs of ${refused} tenants`}: see the server's log.`] : []),
        ...(isReachable ? [] : [`${name} cannot be reached, so that new checkpoints lack its signature.`]),
      ]),
    async close() {
      closed = true;
      clearInterval(timer);
      await beating;
    },
  };
}
