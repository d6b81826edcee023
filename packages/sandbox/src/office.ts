import type { Contact } from "./contoso.ts";
import { findLocalAddress } from "./phone/local-address.ts";
import { createPacer } from "./phone/pacer.ts";
import { openingParties, perform, prepare } from "./phone/perform.ts";
import { CallRefused, placeCall, type PlacedCall } from "./phone/place-call.ts";
import { createSipLine, SipTimeout, type SipLine } from "./phone/sip-line.ts";
import { castScript, quickCheck, scripts, type Script } from "./scripts/index.ts";
import { createRenderer } from "./speech/renderer.ts";

/** Contoso's working day: people call each other as long as the recorder answers. */
export interface Office {
  /** Calls that run now. */
  running(): number;
  /** Everybody hangs up, within two seconds. */
  close(): Promise<void>;
}

export interface OfficeOptions {
  readonly server: { readonly host: string; readonly port: number };
  /** How many calls run side by side; mostly as many, now and then one less. */
  readonly calls: number;
  /** Told once for each new kind of trouble, not once for each call. */
  readonly problem: (text: string) => void;
  readonly localAddress?: string;
}

const hangUpMs = 1800;
/** Between asking whether the recorder is there. */
const askAgainMs = 2000;
const longestAskAgainMs = 10_000;

export async function createOffice({ server, calls, problem, localAddress }: OfficeOptions): Promise<Office> {
  const address = localAddress ?? (await findLocalAddress());
  const line = await createSipLine({ transport: "udp", localAddress: address, server, timeoutMs: 4000 });
  const pacer = createPacer();
  const renderer = createRenderer();
  const leaving = new AbortController();
  const { signal } = leaving;
  const busy = new Set<string>();
  const current = new Set<PlacedCall>();
  let lastScript: Script | null = null;
  let lastProblem = "";
  const report = (text: string): void => {
    if (text !== lastProblem) problem(text);
    lastProblem = text;
  };

  const pause = async (ms: number): Promise<void> => {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done, { once: true });
    });
  };

  /** Resolves once the recorder answers; says nothing meanwhile, since a server that starts is no trouble. All phones share one question. */
  let asking: Promise<void> | null = null;
  const recorderAnswers = async (): Promise<void> => {
    asking ??= (async () => {
      for (let waitMs = askAgainMs / 4; !signal.aborted; waitMs = Math.min(waitMs * 2, longestAskAgainMs)) {
        if (await answersOptions(line, server)) return;
        await pause(waitMs);
      }
    })().finally(() => (asking = null));
    await asking;
  };

  /** The quick one first, so that there is something to play soon; then any but the one before. */
  const choose = (first: boolean): { script: Script; cast: Map<string, Contact> } | null => {
    const pool = first ? [quickCheck] : scripts.filter((script) => script !== lastScript);
    for (let attempt = 0; attempt < 8; attempt++) {
      const script = pool[Math.floor(Math.random() * pool.length)];
      const cast = script === undefined ? null : castScript(script, { busy });
      if (script !== undefined && cast !== null) return { script, cast };
    }
    return null;
  };

  const oneCall = async (first: boolean): Promise<void> => {
    const chosen = choose(first);
    if (chosen === null) return;
    const { script, cast } = chosen;
    lastScript = script;
    const keys = [...cast.values()].map((contact) => contact.key);
    for (const key of keys) busy.add(key);
    let call: PlacedCall | undefined;
    try {
      const performance = await prepare(script, cast, renderer);
      if (signal.aborted) return;
      call = await placeCall({ server, line, pacer, codec: script.codec, ...openingParties(performance), keepAliveSeconds: 10 });
      current.add(call);
      lastProblem = "";
      await perform(performance, call, signal);
    } finally {
      if (call !== undefined) {
        await call.bye();
        current.delete(call);
      }
      for (const key of keys) busy.delete(key);
    }
  };

  const phone = async (number: number): Promise<void> => {
    await pause(number * 4000);
    let first = number === 0;
    while (!signal.aborted) {
      await recorderAnswers();
      if (signal.aborted) return;
      let restMs = 1500 + Math.random() * 4500;
      try {
        await oneCall(first);
        first = false;
      } catch (error) {
        if (error instanceof CallRefused) {
          restMs = error.retryAfterMs ?? 10_000;
          report(`the recorder refused a call: ${error.message}`);
        } else if (error instanceof SipTimeout) restMs = 1000;
        else report(error instanceof Error ? (error.stack ?? error.message) : String(error));
      }
      await pause(restMs);
    }
  };

  const phones = Array.from({ length: calls }, async (_, number) => await phone(number));

  let closing: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    leaving.abort();
    await Promise.race([Promise.allSettled(phones), new Promise((resolve) => setTimeout(resolve, hangUpMs).unref())]);
    await Promise.all([...current].map(async (call) => await call.vanish()));
    pacer.close();
    await Promise.all([line.close(), renderer.close()]);
  };
  return {
    running: () => current.size,
    close: async () => await (closing ??= close()),
  };
}

async function answersOptions(line: SipLine, server: { host: string; port: number }): Promise<boolean> {
  const token = (): string => Math.random().toString(36).slice(2);
  try {
    const response = await line.request({
      method: "OPTIONS",
      uri: `sip:recorder@${server.host}:${server.port}`,
      headers: [
        ["From", `<sip:sbc@contoso.example>;tag=${token()}`],
        ["To", "<sip:recorder@contoso.example>"],
        ["Call-ID", `${token()}${token()}@${line.localAddress}`],
        ["CSeq", "1 OPTIONS"],
        ["Contact", `<sip:sbc@${line.localAddress}:${line.localPort()}>`],
        ["Accept", "application/sdp"],
      ],
    });
    return response.status >= 200 && response.status < 300;
  } catch {
    // No answer, or no way to it; either way it is asked again.
    return false;
  }
}
