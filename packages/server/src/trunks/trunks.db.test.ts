import { createHash, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Problem, Trunk, TrunkSettings } from "@earwitness/contract";
import { withTenant } from "#db";
import { addPerson, addSealingTenant, createTestPortal, type TestPortal } from "../testing/test-portal.ts";
import { makeCertificate } from "./test-certificates.ts";

let stage: TestPortal;
let tenantId: string;
let otherTenantId: string;
let key: string;
let otherKey: string;
let weakKey: string;
let adeleId: string;
const by = { kind: "machine", id: "test", name: "Test" } as const;

beforeAll(async () => {
  stage = await createTestPortal();
  tenantId = await addSealingTenant(stage, "contoso");
  otherTenantId = await addSealingTenant(stage, "fabrikam");
  key = (await stage.apiKeys.create(tenantId, { name: "admin", profile: "Admin" }, by)).key;
  otherKey = (await stage.apiKeys.create(otherTenantId, { name: "admin", profile: "Admin" }, by)).key;
  weakKey = (await stage.apiKeys.create(tenantId, { name: "weak", profile: "API User" }, by)).key;
  adeleId = (await addPerson(stage.db, tenantId, "adelev@contoso.example")).personId;
  await withTenant(stage.db, tenantId, async (tx) => {
    await tx.insertInto("person_addresses").values({ tenant_id: tenantId, person_id: adeleId, address: "+49301234567" }).execute();
    await tx.insertInto("person_extensions").values({ tenant_id: tenantId, person_id: adeleId, extension: "4711" }).execute();
  });
});
afterAll(() => stage?.close());

const settings = (more: Partial<TrunkSettings> = {}): TrunkSettings => ({
  name: `SBC ${randomUUID().slice(0, 8)}`,
  enabled: true,
  sourceNetworks: [],
  transport: "any",
  media: "any",
  certificates: [],
  personDomains: ["Contoso.Example"],
  numbers: { countryCode: null, internationalPrefix: null, nationalPrefix: null, rewrites: [] },
  matching: [{ by: "address" }, { by: "number" }],
  unknown: "ignore",
  ...more,
});

async function call<T = Trunk>(method: "GET" | "POST" | "PUT" | "DELETE", path: string, payload?: unknown, headers: Record<string, string> = {}, as = key) {
  const answer = await stage.portal.app.inject({ method, url: `/api/v1${path}`, headers: { authorization: `Bearer ${as}`, ...headers }, ...(payload === undefined ? {} : { payload: payload as object }) });
  return { status: answer.statusCode, headers: answer.headers, text: answer.body, body: (answer.body.startsWith("{") ? answer.json() : null) as T };
}
const create = async (more: Partial<TrunkSettings> = {}, as = key): Promise<Trunk> => {
  const { status, body, text } = await call("POST", "/trunks", settings(more), {}, as);
  expect(status, text).toBe(201);
  return body;
};
/** What was done to it; that it was looked at is another matter. */
const evidence = (subject: string) => withTenant(stage.db, tenantId, (tx) => tx.selectFrom("evidence").select(["action", "item", "actor_name", "remote_address", "detail"]).where("subject", "=", subject).where("action", "<>", "View").orderBy("recorded_at").execute());

describe("the trunks' API", () => {
  test("a trunk is set up, read, changed and removed; every change is one row of evidence and is announced", async () => {
    const announced = stage.directoryChanges.length;
    const trunk = await create({ sourceNetworks: ["192.0.2.9", "192.0.2.0/29", "192.0.2.9/32"], name: " Berlin " });
    expect(trunk.settings).toEqual(settings({ name: "Berlin", sourceNetworks: ["192.0.2.0/29", "192.0.2.9/32"], personDomains: ["contoso.example"] }));
    expect(trunk.recordingUser).toMatch(/^[a-z2-9]{10}$/);
    expect(trunk.addresses).toEqual([`sip:${trunk.recordingUser}@sip.example;transport=tcp`, `sip:${trunk.recordingUser}@sip.example;transport=udp`]);
    expect([trunk.digest, trunk.lastInvitation, trunk.certificateProblems]).toEqual([null, null, []]);

    expect((await call("GET", `/trunks/${trunk.id}`)).body).toEqual(trunk);
    expect((await call("GET", "/trunks")).body, "no port for TLS is open").toMatchObject({ takesTls: false });
    const changed = await call("PUT", `/trunks/${trunk.id}`, { ...trunk.settings, enabled: false, unknown: "record" });
    expect([changed.status, changed.body.settings.enabled, changed.body.recordingUser]).toEqual([200, false, trunk.recordingUser]);
    expect((await call("PUT", `/trunks/${trunk.id}`, changed.body.settings)).status, "nothing changes").toBe(200);
    expect((await call<{ trunks: Trunk[] }>("GET", "/trunks")).body.trunks.map(({ id }) => id)).toContain(trunk.id);
    expect((await call("DELETE", `/trunks/${trunk.id}`)).status).toBe(204);
    expect((await call("GET", `/trunks/${trunk.id}`)).status).toBe(404);
    expect((await call("DELETE", `/trunks/${trunk.id}`)).status).toBe(404);

    const rows = await evidence(trunk.id);
    expect(rows.map(({ action, item, actor_name, remote_address }) => [action, item, actor_name, remote_address])).toEqual(["Add", "Modify", "Delete"].map((action) => [action, "Trunk", "admin", "127.0.0.1"]));
    expect(rows[1]!.detail).toEqual({ name: "Berlin", change: { enabled: { from: true, to: false }, unknown: { from: "ignore", to: "record" } } });
    expect(stage.directoryChanges.length).toBeGreaterThanOrEqual(announced + 3);
  });

  test("two people who change the same do not overwrite each other unseen", async () => {
    const trunk = await create();
    const { headers } = await call("GET", `/trunks/${trunk.id}`);
    const etag = String(headers["etag"]);
    const first = await call("PUT", `/trunks/${trunk.id}`, { ...trunk.settings, media: "srtp" }, { "if-match": etag });
    expect([first.status, first.headers["etag"] === etag]).toEqual([200, false]);
    const second = await call<Problem>("PUT", `/trunks/${trunk.id}`, { ...trunk.settings, transport: "tls" }, { "if-match": etag });
    expect([second.status, second.body.code]).toEqual([412, "CHANGED_MEANWHILE"]);
    expect(second.body.detail).toContain("Somebody else changed this trunk");
    expect((await call("PUT", `/trunks/${trunk.id}`, { ...first.body.settings, transport: "tls" }, { "if-match": String(first.headers["etag"]) })).body.settings).toMatchObject({ media: "srtp", transport: "tls" });
  });

  test("what is wrong is said in words, each at its field, all at once", async () => {
    const { body, status } = await call<Problem>("POST", "/trunks", settings({
      name: "  ",
      sourceNetworks: ["192.0.2.9/24", "lab", "10.0.0.0/8"],
      certificates: ["-----BEGIN PRIVATE KEY-----\nMIIC\n-----END PRIVATE KEY-----", "hello"],
      personDomains: ["a b"],
      numbers: { countryCode: "49", internationalPrefix: "00", nationalPrefix: "0", rewrites: [{ match: "^(0", replace: "" }, { match: "^0", replace: "$1" }] },
      matching: [{ by: "pattern", match: "a{2,1}", address: "$1" }],
    }));
    expect([status, body.code]).toEqual([400, "VALIDATION"]);
    expect(body.errors).toEqual([
      { where: "body.name", message: "is empty" },
      { where: "body.sourceNetworks.0", message: "“192.0.2.9/24” has bits to the right of its /24; did you mean 192.0.2.0/24?" },
      { where: "body.sourceNetworks.1", message: "“lab” is no network such as 192.0.2.0/24 or 192.0.2.7/32" },
      { where: "body.certificates.0", message: expect.stringContaining("holds a private key") },
      { where: "body.certificates.1", message: expect.stringContaining("is no certificate in PEM form") },
      { where: "body.personDomains.0", message: "“a b” is no domain such as contoso.example" },
      { where: "body.numbers.rewrites.0.match", message: expect.stringContaining("missing closing )") },
      { where: "body.numbers.rewrites.1.replace", message: "names $1, but the expression has no groups" },
      { where: "body.matching.0.match", message: "is not a regular expression in RE2 syntax: invalid repeat count (“{2,1}” at character 2)" },
    ]);
    expect(JSON.stringify(body), "a private key is not repeated").not.toContain("MIIC");
    const large = await call<Problem>("POST", "/trunks", settings({ matching: Array.from({ length: 4 }, () => ({ by: "pattern", match: "[ab]{200}", address: "$1" }) as const) }));
    expect(large.body.errors!.at(-1)).toEqual({ where: "body.numbers.rewrites", message: expect.stringContaining("too large together") });
  });

  test("a name that is taken and a network of another customer are refused, without naming the other", async () => {
    const mine = await create({ name: "Taken" });
    const taken = await call<Problem>("POST", "/trunks", settings({ name: "Taken" }));
    expect([taken.status, taken.body.errors]).toEqual([409, [{ where: "body.name", message: "is the name of another trunk already" }]]);
    await create({ sourceNetworks: ["203.0.113.0/24"], name: "Taken" }, otherKey);
    for (const network of ["203.0.113.0/24", "203.0.113.7", "203.0.0.0/16"]) {
      const claimed = await call<Problem>("POST", "/trunks", settings({ sourceNetworks: ["198.51.100.1", network] }));
      expect([claimed.status, claimed.body.errors?.map(({ where }) => where)], network).toEqual([400, ["body.sourceNetworks.1"]]);
      expect(claimed.body.detail).toContain("belongs, in whole or in part, to another customer");
      expect(claimed.text).not.toMatch(/fabrikam/i);
    }
    const allowed = await call<Problem>("POST", `/trunks/${mine.id}/networks`, { network: "203.0.113.7" });
    expect([allowed.status, allowed.body.errors?.[0]?.where]).toEqual([400, "body.network"]);
    expect((await call("PUT", `/trunks/${mine.id}`, { ...mine.settings, sourceNetworks: ["203.0.112.0/24"] })).status).toBe(200);
  });

  test("one of two customers who claim a network at the same moment gets it", async () => {
    const claims = await Promise.all(Array.from({ length: 8 }, (_, n) => call("POST", "/trunks", settings({ sourceNetworks: ["100.64.0.0/24"] }), {}, n % 2 === 0 ? key : otherKey)));
    const winners = claims.map(({ status }, n) => (status === 201 ? n % 2 : null)).filter((winner) => winner !== null);
    expect(winners).toHaveLength(4);
    expect(new Set(winners).size).toBe(1);
  });

  test("an address is allowed with one request, and once", async () => {
    const trunk = await create({ sourceNetworks: ["192.0.2.128/25"] });
    const { body } = await call("POST", `/trunks/${trunk.id}/networks`, { network: "::ffff:192.0.2.7" });
    expect(body.settings.sourceNetworks).toEqual(["192.0.2.128/25", "192.0.2.7/32"]);
    await call("POST", `/trunks/${trunk.id}/networks`, { network: "192.0.2.7" });
    expect((await evidence(trunk.id)).map(({ action }) => action)).toEqual(["Add", "Modify"]);
    expect((await call("POST", `/trunks/${trunk.id}/networks`, { network: "nonsense" })).body).toMatchObject({ errors: [{ where: "body.network", message: "“nonsense” is no network such as 192.0.2.0/24 or 192.0.2.7/32" }] });
  });

  test("a password is made, shown once and kept as digests alone", async () => {
    const trunk = await create();
    const { body: secret, text } = await call<{ username: string; password: string; realm: string }>("POST", `/trunks/${trunk.id}/digest`);
    expect(secret).toEqual({ username: trunk.recordingUser, password: expect.stringMatching(/^[A-Za-z2-9]{24}$/), realm: "earwitness" });
    const [row] = await withTenant(stage.db, tenantId, (tx) => tx.selectFrom("trunks").selectAll().where("trunk_id", "=", trunk.id).execute());
    const plain = `${secret.username}:earwitness:${secret.password}`;
    expect([row!.digest_ha1_md5, row!.digest_ha1_sha256]).toEqual(["md5", "sha256"].map((algorithm) => createHash(algorithm).update(plain).digest("hex")));
    const shown = await call("GET", `/trunks/${trunk.id}`);
    expect(shown.body.digest).toEqual({ username: secret.username, realm: "earwitness", setAt: expect.any(String) });
    for (const hidden of [secret.password, row!.digest_ha1_md5!, row!.digest_ha1_sha256!]) {
      expect(shown.text).not.toContain(hidden);
      expect(JSON.stringify(await evidence(trunk.id))).not.toContain(hidden);
      expect(stage.logged.join("\n")).not.toContain(hidden);
    }
    expect((await call("POST", `/trunks/${trunk.id}/digest`)).text).not.toBe(text);
    expect((await call("DELETE", `/trunks/${trunk.id}/digest`)).status).toBe(204);
    expect((await call("DELETE", `/trunks/${trunk.id}/digest`)).status, "again, and nothing to tell").toBe(204);
    expect((await call("GET", `/trunks/${trunk.id}`)).body.digest).toBeNull();
    expect((await evidence(trunk.id)).map(({ action }) => action)).toEqual(["Add", "Modify", "Modify", "Modify"]);
  });

  test("certificates are kept one by one; one that expires is told", async () => {
    const [good, soon] = await Promise.all([makeCertificate({ name: "sbc", to: new Date("2049-01-01") }), makeCertificate({ name: "soon", to: new Date(Date.now() + 86_400_000) })]);
    const trunk = await create({ certificates: [`Bag Attributes\n${good.pem}\n${soon.pem}\n`, good.pem.replaceAll("\n", "\r\n")] });
    expect(trunk.settings.certificates).toHaveLength(2);
    expect(trunk.certificateProblems).toEqual([expect.stringMatching(/^The certificate “soon” expires on \d{4}-\d{2}-\d{2}\.$/)]);
    expect((await call("PUT", `/trunks/${trunk.id}`, trunk.settings)).body).toEqual(trunk);
    expect((await evidence(trunk.id)).length, "the same once more is no change").toBe(1);
  });

  test("CAP-75 a draft is tried on samples before it is saved, by the rules that calls go by", async () => {
    const numbers = { countryCode: "49", internationalPrefix: "00", nationalPrefix: "0", rewrites: [] };
    const trial = { settings: settings({ numbers, matching: [{ by: "address" }, { by: "number" }, { by: "extension", digits: 4 }] }), samples: ["sip:0301234567@10.0.0.1;user=phone", "+494012344711", "sip:AdeleV@contoso.example", "tel:+17325550199", "\u0000"].slice(0, 4) };
    const { body } = await call<{ results: unknown[] }>("POST", "/trunks/try", trial);
    const adele = { id: adeleId, name: "adelev", recorded: true };
    expect(body.results).toEqual([
      { sample: trial.samples[0], address: "+49301234567", person: adele, explanation: "National prefix 0 became +49. Rule 2: +49301234567 is a number of theirs." },
      { sample: trial.samples[1], address: "+494012344711", person: adele, explanation: "Rule 3: the last digits, 4711, are an extension of theirs." },
      { sample: trial.samples[2], address: "sip:adelev@contoso.example", person: adele, explanation: "Rule 1: adelev@contoso.example is their UPN, and the trunk vouches for contoso.example." },
      { sample: trial.samples[3], address: "+17325550199", person: null, explanation: "No rule finds a person for +17325550199. They would get no interaction of their own." },
    ]);
    const wrong = await call<Problem>("POST", "/trunks/try", { ...trial, settings: settings({ sourceNetworks: ["x"] }) });
    expect(wrong.body.errors).toEqual([{ where: "body.settings.sourceNetworks.0", message: expect.any(String) }]);
    const odd = await call<Problem>("POST", "/trunks/try", { ...trial, samples: ["\u0000"] });
    expect(odd.body.errors).toEqual([{ where: "body.samples.0", message: expect.any(String) }]);
  });

  test("another customer's trunks are not there, and without the right nothing is", async () => {
    const trunk = await create();
    for (const [method, path, body] of [["GET", ""], ["PUT", "", trunk.settings], ["DELETE", ""], ["POST", "/digest"], ["DELETE", "/digest"], ["POST", "/networks", { network: "192.0.2.1" }]] as const) {
      expect((await call(method, `/trunks/${trunk.id}${path}`, body, {}, otherKey)).status, `${method} ${path}`).toBe(404);
      expect((await call(method, `/trunks/${trunk.id}${path}`, body, {}, weakKey)).status, `${method} ${path}`).toBe(403);
    }
    for (const path of ["/trunks", "/trunks/invitations", `/trunks/invitations/${randomUUID()}/trace`]) expect((await call("GET", path, undefined, {}, weakKey)).status, path).toBe(403);
    expect((await call<{ trunks: Trunk[] }>("GET", "/trunks", undefined, {}, otherKey)).text).not.toContain(trunk.id);
  });

  test("nothing that somebody types is a defect", async () => {
    const trunk = await create();
    const odd = ["", "\u0000", "\ud800", "\udfff\ud800", "a\u001fb", "\u202e", "'; drop table trunks; --", "__proto__", "x".repeat(500), "💥".repeat(60), "$1", "$$", "[[:alpha:]]", "(?i)x", "\\", "\n"];
    for (const text of odd) {
      const drafts: TrunkSettings[] = [
        settings({ name: text }),
        settings({ sourceNetworks: [text] }),
        settings({ certificates: [text] }),
        settings({ certificates: [`-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----`] }),
        settings({ personDomains: [text] }),
        settings({ numbers: { countryCode: text, internationalPrefix: text, nationalPrefix: text, rewrites: [] } }),
        settings({ numbers: { countryCode: null, internationalPrefix: null, nationalPrefix: null, rewrites: [{ match: text, replace: text }, { match: "(x)", replace: text }] } }),
        settings({ matching: [{ by: "pattern", match: "(x)", address: text }] }),
        { ...settings(), unknown: text, transport: text } as unknown as TrunkSettings,
      ];
      for (const draft of drafts) {
        expect([200, 201, 400, 409], JSON.stringify(draft)).toContain((await call("POST", "/trunks", draft)).status);
        expect([200, 400, 409], JSON.stringify(draft)).toContain((await call("PUT", `/trunks/${trunk.id}`, draft)).status);
        expect([200, 400], JSON.stringify(draft)).toContain((await call("POST", "/trunks/try", { settings: draft, samples: [text] })).status);
      }
      expect([200, 400], text).toContain((await call("POST", `/trunks/${trunk.id}/networks`, { network: text })).status);
      for (const path of [`/trunks/${encodeURIComponent(text.toWellFormed())}`, `/trunks/invitations?trunk=${encodeURIComponent(text.toWellFormed())}`, `/trunks/invitations?after=${encodeURIComponent(text.toWellFormed())}`, `/trunks/invitations?limit=${encodeURIComponent(text.toWellFormed())}`, `/trunks/invitations/${encodeURIComponent(text.toWellFormed())}/trace`]) {
        expect((await call("GET", path)).status, path).toBeLessThan(500);
      }
      expect((await call("PUT", `/trunks/${trunk.id}`, trunk.settings, { "if-match": "\"" + "x".repeat(400) })).status).toBe(412);
    }
    for (const body of [null, [], "x", 1, { settings: 1 }, { ...settings(), more: 1 }]) expect([400, 415]).toContain((await call("POST", "/trunks", body ?? {})).status);
    // "or nothing" is not what somebody wants to read who wrote something else.
    const { body } = await call<Problem>("POST", "/trunks", settings({ numbers: { countryCode: "abc", internationalPrefix: null, nationalPrefix: null, rewrites: [] } }));
    expect(body.errors).toEqual([{ where: "body.numbers.countryCode", message: expect.stringContaining("must match pattern") }]);
  });
});
