/** Trunks of the invented tenant and the invitations that they get, kept by the mock while it runs. */
import type { DigestSecret, Invitation, Trunk, TrunkSettings, TrunkTrialResult } from "@earwitness/contract";
import { newTrunk } from "../src/settings/new-trunk.ts";
import { createRandom } from "./calls.ts";
import { people } from "./directory.ts";
import { kinds, traceOf, type Kind } from "./invitations.ts";
import { Refused, type Mistake } from "./refused.ts";

/** Made for this file; their keys were never kept. */
const leaf = "-----BEGIN CERTIFICATE-----\nMIIB4zCCAYmgAwIBAgIUIEfCTg70mbRQgVFVapyGoR8bYIgwCgYIKoZIzj0EAwIw\nRzEjMCEGA1UEAwwac2JjLWJlcmxpbi5jb250b3NvLmV4YW1wbGUxEzARBgNVBAoM\nCkNvbnRvc28gQUcxCzAJBgNVBAYTAkRFMB4XDTI2MTEyNzA1MjkwNVoXDTI2MTIx\nNzA1MjkwNVowRzEjMCEGA1UEAwwac2JjLWJlcmxpbi5jb250b3NvLmV4YW1wbGUx\nEzARBgNVBAoMCkNvbnRvc28gQUcxCzAJBgNVBAYTAkRFMFkwEwYHKoZIzj0CAQYI\nKoZIzj0DAQcDQgAEbP83RHtwn0nXAihxJODBxr4BA/w0Yvx0kpJ5hRld1hop9QDa\nIp/9RfSwZ4zJX14dH4LtJeuAMHhdr4WdfSDUdKNTMFEwHQYDVR0OBBYEFGwVPF1h\nm0keMI97SYTnl0B5OQTXMB8GA1UdIwQYMBaAFGwVPF1hm0keMI97SYTnl0B5OQTX\nMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAOjzcmmLpLtY3/wQ\nxdbGXroLMS0lUwnOCxsfwHZjx8x1AiAc1DUkLxfBuod2KxLcvp3YpO8kHOhix1Ps\nv+0cluO4WA==\n-----END CERTIFICATE-----";
const authority = "-----BEGIN CERTIFICATE-----\nMIIB1DCCAXmgAwIBAgIUXASuVkiJZhMMXEJaUwe6JSTyn6QwCgYIKoZIzj0EAwIw\nPzEbMBkGA1UEAwwSQ29udG9zbyBWb2ljZSBDQSAyMRMwEQYDVQQKDApDb250b3Nv\nIEFHMQswCQYDVQQGEwJERTAeFw0yNjExMjcwNTIxMzJaFw0zNjExMjQwNTIxMzJa\nMD8xGzAZBgNVBAMMEkNvbnRvc28gVm9pY2UgQ0EgMjETMBEGA1UECgwKQ29udG9z\nbyBBRzELMAkGA1UEBhMCREUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATxhwoV\nivIIZHywlD7Mg7Bh0EQbazeZPgokGnpx6MGQlCKh3GybyQIqp0zrBjx7RdVvxNuM\nxqjtx8AfuQ+ekOKJo1MwUTAdBgNVHQ4EFgQUifDW7Q8pEo30RLtSW3YIro1joCow\nHwYDVR0jBBgwFoAUifDW7Q8pEo30RLtSW3YIro1joCowDwYDVR0TAQH/BAUwAwEB\n/zAKBggqhkjOPQQDAgNJADBGAiEAv0BZqZtlPAa3e7+IJp0LhXpoVhCwTURq0V3R\nuQSoAgMCIQCnOAXOyn+DyNEz5dZGK4/7hlhkQ72TBZvu6Gh+WzHvnA==\n-----END CERTIFICATE-----";

interface Kept {
  readonly recordingUser: string;
  readonly createdAt: string;
  settings: TrunkSettings;
  digest: Trunk["digest"];
}

const plain: TrunkSettings = {
  ...newTrunk,
  personDomains: ["contoso.example"],
  numbers: { ...newTrunk.numbers, countryCode: "49", internationalPrefix: "00", nationalPrefix: "0" },
};
const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();

export const trunks = new Map<string, Kept>();
const add = (recordingUser: string, settings: Partial<TrunkSettings>, digest: Trunk["digest"] = null): string => {
  const id = crypto.randomUUID();
  trunks.set(id, { recordingUser, createdAt: daysAgo(90 - trunks.size), settings: { ...plain, ...settings }, digest });
  return id;
};
const berlin = add(
  "t7k2m9qd4x",
  {
    name: "Berlin, AudioCodes Mediant",
    sourceNetworks: ["10.20.0.4/32", "10.20.0.5/32"],
    transport: "tls",
    media: "srtp",
    certificates: [leaf, authority],
    numbers: { ...plain.numbers, rewrites: [{ match: "^9(\\d{6,})$", replace: "$1" }] },
    matching: [{ by: "address" }, { by: "number" }, { by: "extension", digits: 4 }, { by: "pattern", match: "^sip:(\\d{4})@pbx\\.contoso\\.example$", address: "+4930555$1" }],
  },
  { username: "t7k2m9qd4x", realm: "earwitness", setAt: daysAgo(41) },
);
const london = add("b3w8zr5n1c", { name: "London, Cisco CUBE", sourceNetworks: ["198.51.100.0/28"], numbers: { ...plain.numbers, countryCode: "44" } });
const desk = add("p6y1hv8s2f", { name: "Contact center", sourceNetworks: ["192.0.2.17/32", "192.0.2.18/32", "192.0.2.64/27", "2001:db8:17::/48"], unknown: "record" }, { username: "p6y1hv8s2f", realm: "earwitness", setAt: daysAgo(3) });
add("x9d4gk7j3m", { name: "New York, Avaya SBCE" });
const off = add("c5n8tq2w6a", { name: "Alte Telefonanlage der Niederlassung Frankfurt-Niederrad (wird abgeschaltet)", sourceNetworks: ["172.16.40.0/22"], enabled: false });

export const invitations: Invitation[] = [];
const random = createRandom(488);
let lastPort = 31_000;
const nextPort = () => (lastPort = 30_000 + ((lastPort * 7919) % 20_000));

function invite(trunkId: string | null, address: string, kind: Kind, at: Date, more: Partial<Invitation> = {}): void {
  const kept = trunkId === null ? undefined : trunks.get(trunkId);
  const transport = kept?.settings.transport === "tls" && kind.reason !== "TLS_REQUIRED" ? "tls" : trunkId === london ? "tcp" : "udp";
  invitations.unshift({
    id: crypto.randomUUID(),
    at: at.toISOString(),
    trunk: trunkId === null || kept === undefined ? null : { id: trunkId, name: kept.settings.name },
    node: "rec-1",
    remoteAddress: `${address.includes(":") ? `[${address}]` : address}:${transport === "udp" ? 5060 : nextPort()}`,
    transport,
    sipCallId: `${Math.floor(random() * 2 ** 32).toString(16)}@${address}`,
    client: trunkId === london ? "Cisco-SIPGateway/IOS-17.9.4a" : trunkId === null ? "Kamailio (5.8.2)" : trunkId === desk ? "Oracle ESBC SCZ9.2" : "AudioCodes-Sip-Gateway-Mediant VE/v.7.40A.500.357",
    status: kind.status,
    outcome: kind.outcome,
    reason: kind.reason,
    explanation: kind.explanation(address),
    repeated: 0,
    interactionIds: [],
    unknownParties: kind === kinds.ignored ? [{ address: "+17325550143", name: "Grace Hopper" }, { address: "+442079460118", name: null }] : [],
    hasTrace: true,
    ...more,
  });
}

const ago = (seconds: number) => new Date(Date.now() - seconds * 1000);
invite(off, "172.16.41.9", kinds.off, ago(86_400 * 9), { hasTrace: false });
for (let n = 130; n > 0; n--) {
  const atDesk = n % 4 === 0;
  const kind = n % 23 === 0 ? kinds.media : n % 9 === 0 ? kinds.ignored : kinds.recorded;
  invite(atDesk ? desk : berlin, atDesk ? "192.0.2.17" : "10.20.0.4", kind, ago(2_000 + n * 700), n % 9 === 0 ? { repeated: n % 5 } : {});
}
invite(null, "203.0.113.66", kinds.nobody, ago(1_500), { repeated: 211, client: "friendly-scanner" });
invite(berlin, "10.20.0.4", kinds.tls, ago(1_200));
invite(berlin, "10.20.0.4", kinds.password, ago(900), { repeated: 3 });
invite(null, "10.0.0.9", kinds.nobody, ago(610));
invite(london, "10.0.0.7", kinds.source, ago(124), { repeated: 12 });
invite(berlin, "10.20.0.5", kinds.recorded, ago(95));
invite(desk, "192.0.2.18", kinds.ignored, ago(62), { repeated: 1 });
invite(berlin, "10.20.0.4", kinds.recorded, ago(41));

/** Something comes in every now and then, so that a page that is open can be seen to follow. */
export function playOn(interactionIds: () => string[]): void {
  for (const [at, one] of invitations.entries()) if (one.outcome === "recorded") one.interactionIds = interactionIds().slice(at, at + (at % 3 === 0 ? 2 : 1));
  setInterval(() => {
    const isAllowed = trunks.get(london)?.settings.sourceNetworks.some((one) => one.startsWith("10.0.0.7"));
    const turn = Math.floor(Date.now() / 15_000) % 4;
    const ids = { interactionIds: interactionIds().slice(0, 1) };
    if (turn === 1) invite(london, "10.0.0.7", isAllowed ? kinds.recorded : kinds.source, new Date(), isAllowed ? ids : {});
    else invite(turn === 3 ? desk : berlin, turn === 3 ? "192.0.2.17" : "10.20.0.4", kinds.recorded, new Date(), ids);
  }, 15_000).unref();
}

export function keptTrunk(id: string): Kept {
  const kept = trunks.get(id);
  if (!kept) throw new Refused(404, "TRUNK_NOT_FOUND", "There is no such trunk.");
  return kept;
}

export function trunkOf(id: string): Trunk {
  const { settings, recordingUser, createdAt, digest } = keptTrunk(id);
  const last = invitations.find((one) => one.trunk?.id === id);
  const at = `${recordingUser}@rec.contoso.example`;
  return {
    id,
    createdAt,
    settings,
    recordingUser,
    addresses: [`sips:${at}`, `sip:${at};transport=tcp`, `sip:${at};transport=udp`],
    digest,
    lastInvitation: last ? { at: last.at, outcome: last.outcome, explanation: last.explanation } : null,
    certificateProblems: settings.certificates.includes(leaf) ? ["The certificate “sbc-berlin.contoso.example” expires on 17 December 2026."] : [],
  };
}

export const tagOf = (value: unknown): string => `"${Buffer.from(JSON.stringify(value)).toString("base64url").slice(-24)}${JSON.stringify(value).length}"`;

export function checkTrunk(settings: TrunkSettings, prefix: string): void {
  const mistakes: Mistake[] = [];
  const wrong = (where: string, message: string) => void mistakes.push({ where: `${prefix}.${where}`, message });
  if (settings.name.trim() === "") wrong("name", "must NOT have fewer than 1 characters");
  settings.sourceNetworks.forEach((one, at) => isNetwork(one) || wrong(`sourceNetworks.${at}`, `“${one}” is no network such as 192.0.2.0/24 or 192.0.2.7/32`));
  for (const [key, pattern] of [["countryCode", /^[1-9]\d{0,2}$/], ["internationalPrefix", /^\d{1,5}$/], ["nationalPrefix", /^\d{1,3}$/]] as const) {
    const value = settings.numbers[key];
    if (value !== null && !pattern.test(value)) wrong(`numbers.${key}`, `must match pattern "${pattern.source}"`);
  }
  settings.numbers.rewrites.forEach(({ match }, at) => checkExpression(match, `numbers.rewrites.${at}.match`, wrong));
  settings.matching.forEach((rule, at) => {
    if (rule.by === "pattern") checkExpression(rule.match, `matching.${at}.match`, wrong);
    if (rule.by === "extension" && (rule.digits < 3 || rule.digits > 15)) wrong(`matching.${at}.digits`, "must be >= 3");
  });
  settings.personDomains.forEach((one, at) => /^[^@\s]+$/.test(one) || wrong(`personDomains.${at}`, `“${one}” is no domain such as contoso.example`));
  if (mistakes.length > 0) throw new Refused(400, "VALIDATION", mistakes.map(({ where, message }) => `${where} ${message}.`).join(" "), mistakes);
}

function isNetwork(text: string): boolean {
  const [address = "", bits] = text.split("/");
  if (bits !== undefined && !/^\d{1,3}$/.test(bits)) return false;
  return address.includes(":") ? /^[0-9a-f:]+$/i.test(address) : /^(\d{1,3}\.){3}\d{1,3}$/.test(address) && address.split(".").every((part) => Number(part) < 256);
}

function checkExpression(source: string, where: string, wrong: (where: string, message: string) => void): void {
  try {
    if (source === "") wrong(where, "must NOT have fewer than 1 characters");
    else RegExp(source).exec("");
  } catch {
    wrong(where, "is not a regular expression in RE2 syntax: missing closing )");
  }
}

export const written = (settings: TrunkSettings): TrunkSettings => ({
  ...settings,
  name: settings.name.trim(),
  sourceNetworks: [...new Set(settings.sourceNetworks.map((one) => (one.includes("/") ? one : `${one}/${one.includes(":") ? 128 : 32}`)))].sort(),
});

export function createTrunk(settings: TrunkSettings): string {
  checkTrunk(settings, "body");
  if ([...trunks.values()].some((one) => one.settings.name === settings.name.trim()))
    throw new Refused(409, "TRUNK_NAME_TAKEN", "This is the name of another trunk already. Choose a name that tells them apart.", [{ where: "body.name", message: "is the name of another trunk already" }]);
  return add(`n${Math.floor(random() * 1e9).toString(36)}`, written(settings));
}

export function newSecret(id: string): DigestSecret {
  const kept = keptTrunk(id);
  kept.digest = { username: kept.recordingUser, realm: "earwitness", setAt: new Date().toISOString() };
  return { username: kept.recordingUser, password: "kP7-wq2Zt-9vRmX-4hsLd-Yb3", realm: "earwitness" };
}

/** A rough likeness of what the server does with addresses; the rules themselves are its. */
export function tryTrunk(settings: TrunkSettings, samples: readonly string[]): TrunkTrialResult {
  checkTrunk(settings, "body.settings");
  const { countryCode, internationalPrefix, nationalPrefix } = settings.numbers;
  const numberOf = (digits: string): { number: string | null; step: string } => {
    if (internationalPrefix && digits.startsWith(internationalPrefix)) return { number: `+${digits.slice(internationalPrefix.length)}`, step: `International prefix ${internationalPrefix} became +. ` };
    if (nationalPrefix && countryCode && digits.startsWith(nationalPrefix)) return { number: `+${countryCode}${digits.slice(nationalPrefix.length)}`, step: `National prefix ${nationalPrefix} became +${countryCode}. ` };
    return { number: digits.startsWith("+") ? digits : null, step: "" };
  };
  return {
    results: samples.map((sample) => {
      const bare = sample.replace(/^(sips?|tel):/, "").replace(/[;>].*/, "");
      const digits = (bare.split("@")[0] ?? "").replaceAll(/[^0-9+]/g, "");
      const { number, step } = numberOf(digits);
      const address = number ?? (bare.includes("@") ? `sip:${bare}` : bare);
      for (const [at, rule] of settings.matching.entries()) {
        for (const [id, of] of people) {
          const [isTheirs, why] =
            rule.by === "number"
              ? [of.addresses.includes(address), `${address} is a number of theirs`]
              : rule.by === "address"
                ? [of.upn === bare || of.addresses.includes(address), `${address} is an address of theirs`]
                : rule.by === "extension"
                  ? [of.extensions.includes(digits.slice(-rule.digits)), `the last digits, ${digits.slice(-rule.digits)}, are an extension of theirs`]
                  : [false, ""];
          if (isTheirs) return { sample, address, person: { id, name: of.displayName, recorded: of.recorded }, explanation: `${step}Rule ${at + 1}: ${why}.` };
        }
      }
      return { sample, address, person: null, explanation: `${step}No rule finds a person for ${address}. They would get ${settings.unknown === "record" ? "an" : "no"} interaction of their own.` };
    }),
  };
}

export function listInvitations(trunk: string | null, after: string | null, limit: number): Invitation[] {
  const all = invitations.filter((one) => trunk === null || (trunk === "none" ? one.trunk === null : one.trunk?.id === trunk));
  const from = after === null ? 0 : all.findIndex((one) => one.id === after) + 1;
  return all.slice(from, from + limit);
}

export function traceText(id: string): string {
  const found = invitations.find((one) => one.id === id);
  if (!found?.hasTrace) throw new Refused(404, "TRACE_NOT_FOUND", "No messages of this invitation are kept.");
  return traceOf(found, (found.trunk && trunks.get(found.trunk.id)?.recordingUser) ?? "srs");
}
