import { writeSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import { addressOf, contacts, findContact, type Contact } from "./contoso.ts";
import type { TonePlan } from "./phone/audio.ts";
import { openingParties, perform, prepare } from "./phone/perform.ts";
import { CallRefused, placeCall, type CallPlan, type PlacedCall } from "./phone/place-call.ts";
import { SipTimeout } from "./phone/sip-line.ts";
import { castScript, faultsOf, quickCheck, say, scripts, type Script } from "./scripts/index.ts";
import { createRenderer } from "./speech/renderer.ts";

/** `npm run call`: places one call on demand. Exit codes: 0 recorded to its end, 1 refused, 2 wrong use, 3 nobody answers, 4 ended by the recorder. */
interface Options {
  readonly from?: Contact;
  readonly to?: Contact;
  readonly script?: Script;
  readonly list?: boolean;
  readonly say: readonly string[];
  readonly tone?: boolean;
  readonly duration?: number;
  readonly transport: "udp" | "tcp";
  readonly codec?: "pcmu" | "pcma";
  readonly host: string;
  readonly port: number;
  readonly source?: string;
  readonly trunk?: string;
}

const print = (text: string): void => void writeSync(1, `${text}\n`);

const number = (least: number, most: number) => (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > most) throw new InvalidArgumentError(`a whole number from ${least} to ${most}`);
  return value;
};

const contact = (text: string): Contact => {
  const found = findContact(text);
  if (found === undefined) throw new InvalidArgumentError("nobody of that name, UPN or number; --list names everybody");
  return found;
};

const named = (text: string): Script => {
  const found = scripts.find((each) => each.name === text);
  if (found === undefined) throw new InvalidArgumentError(`one of ${scripts.map((each) => each.name).join(", ")}`);
  return found;
};

const nameOf = (who: Contact): string => `${who.displayName ?? "(no caller id)"} <${addressOf(who)}>`;

function list(): void {
  print("Scripts:");
  for (const script of scripts) print(`  ${script.name.padEnd(18)} ${script.title}`);
  print("\nPeople (name, UPN, extension, number):");
  for (const who of contacts) {
    if (who.kind === "person") print(`  ${who.displayName.padEnd(18)} ${who.upn.padEnd(30)} ${who.extension}  ${who.number}`);
  }
  print("\nOutside, by telephone:");
  for (const who of contacts) if (who.kind !== "person") print(`  ${(who.displayName ?? "(no caller id)").padEnd(18)} ${who.number}`);
}

/** What two people say who were given words on the command line: by turns, the caller first. */
function saying(texts: readonly string[]): Script {
  const everybody = contacts.map((each) => each.key);
  return {
    name: "say",
    title: "Words from the command line",
    codec: "PCMU",
    cast: { caller: everybody, called: everybody },
    opening: ["caller", "called"],
    steps: texts.map((text, index) => say(index % 2 === 0 ? "caller" : "called", text)),
  };
}

/** A second of 1 kHz from the caller, then a second of 600 Hz from the called one, from second 1 on: whoever listens can measure where each landed. */
function tones(seconds: number): readonly [TonePlan, TonePlan] {
  const bursts = (first: number): { atMs: number; durationMs: number }[] =>
    Array.from({ length: Math.max(0, Math.floor((seconds - first + 2) / 4)) }, (_, index) => ({ atMs: (first + 4 * index) * 1000, durationMs: 1000 }));
  return [
    { kind: "tone", frequencyHz: 1000, bursts: bursts(1) },
    { kind: "tone", frequencyHz: 600, bursts: bursts(3) },
  ];
}

const program = new Command("call")
  .description("Places one call through the sandbox's session border controller, which copies it to the recorder (SIPREC).")
  .addOption(new Option("--from <who>", "caller: name, UPN, extension or number").argParser(contact))
  .addOption(new Option("--to <who>", "called: name, UPN, extension or number").argParser(contact))
  .addOption(new Option("--script <name>", "conversation to play (--list shows them)").argParser(named))
  .option("--list", "show scripts and people, and place no call")
  .option("--say <text...>", "words to be said instead of a script: caller and called by turns", [])
  .option("--tone", "bursts of tone at known times instead of speech: 1 kHz from the caller at 1 s, 5 s …, 600 Hz from the called at 3 s, 7 s …")
  .addOption(new Option("--duration <seconds>", "hang up after this long (tones: 10 where absent)").argParser(number(1, 14_400)))
  .addOption(new Option("--transport <transport>", "of SIP").choices(["udp", "tcp"]).default("udp"))
  .addOption(new Option("--codec <codec>", "of RTP; the script's own where absent").choices(["pcmu", "pcma"]))
  .option("--host <address>", "recorder's address", "127.0.0.1")
  .addOption(new Option("--port <port>", "recorder's SIP port").argParser(number(1, 65_535)).env("EARWITNESS_SIP_PORT").default(5060))
  .option("--trunk <user>", "user part of a trunk's recording address, as its page shows it")
  .option("--source <address>", "address to call from (default: the sandbox's own on loopback)")
  .configureOutput({ writeOut: (text) => void writeSync(1, text), writeErr: (text) => void writeSync(2, text) })
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

async function main(options: Options): Promise<number> {
  if (options.list === true) {
    list();
    return 0;
  }
  const script = options.script ?? (options.say.length > 0 ? saying(options.say) : quickCheck);
  const [caller = "", called = ""] = script.opening;
  const chosen = { ...(options.from === undefined ? {} : { [caller]: options.from }), ...(options.to === undefined ? {} : { [called]: options.to }) };
  const cast = options.from !== undefined && options.from === options.to ? null : castScript(script, { chosen });
  if (cast === null || faultsOf(script).length > 0) {
    writeSync(2, "error: these two cannot have this conversation: nobody can talk to themselves, and every role needs somebody of its own\n");
    return 2;
  }
  const codec = options.codec === "pcma" ? "PCMA" : options.codec === "pcmu" ? "PCMU" : script.codec;
  const renderer = createRenderer();
  const leaving = new AbortController();
  let call: PlacedCall | undefined;
  const hangUp = (): void => leaving.abort();
  process.once("SIGINT", hangUp);
  process.once("SIGTERM", hangUp);
  try {
    const performance = options.tone === true ? null : await prepare(script, cast, renderer, codec);
    const people = [cast.get(caller), cast.get(called)].filter((who) => who !== undefined);
    const present: Pick<CallPlan, "parties" | "earlier"> =
      performance !== null
        ? openingParties(performance)
        : { parties: people.map((who, index) => ({ name: who.displayName, aor: addressOf(who), audio: tones(options.duration ?? 10)[index === 0 ? 0 : 1] })) };
    print(`${people.map(nameOf).join("  calls  ")}  (sandbox, ${options.tone === true ? "tones" : script.name}, ${codec}, ${options.transport})`);
    call = await placeCall({
      server: { host: options.host, port: options.port, ...(options.trunk === undefined ? {} : { user: options.trunk }) },
      transport: options.transport,
      codec,
      ...present,
      ...(options.source === undefined ? {} : { localAddress: options.source }),
    });
    print(`Call-ID ${call.callId}`);
    print(`Recorder answered at ${call.startedAt.toISOString()}.`);
    const seconds = options.duration ?? (options.tone === true ? 10 : undefined);
    if (seconds !== undefined) setTimeout(hangUp, seconds * 1000).unref();
    const by = await Promise.race([
      call.ended,
      new Promise<"us">((resolve) => leaving.signal.addEventListener("abort", () => resolve("us"), { once: true })),
      ...(performance === null ? [] : [perform(performance, call, leaving.signal).then(() => "us" as const)]),
    ]);
    const saidMs = call.elapsedMs();
    await call.bye();
    if (by === "recorder" || by === "lost") {
      print(`Ended by the recorder after ${(saidMs / 1000).toFixed(1)} s.`);
      return 4;
    }
    print(`Hung up after ${(saidMs / 1000).toFixed(1)} s.`);
    return 0;
  } catch (error) {
    if (error instanceof CallRefused) {
      writeSync(2, `The recorder refused the call: ${error.message}${error.retryAfterMs === null ? "" : ` (come again in ${error.retryAfterMs / 1000} s)`}\n`);
      return 1;
    }
    if (error instanceof SipTimeout || (error instanceof Error && "code" in error && error.code === "ECONNREFUSED")) {
      writeSync(2, `Nobody answers at ${options.host}:${options.port} (${options.transport}). Is the recorder running (npm start)?\n`);
      return 3;
    }
    throw error;
  } finally {
    await renderer.close();
    process.off("SIGINT", hangUp);
    process.off("SIGTERM", hangUp);
  }
}

program.parse();
process.exitCode = await main(program.opts<Options>());
