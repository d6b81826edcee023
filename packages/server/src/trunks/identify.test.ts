import { randomBytes } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { contestedNetworks } from "./contested-networks.ts";
import { identify, isTrunkAddress, type Claim, type KnownSenders, type KnownTrunk } from "./identify.ts";
import { makeCertificate, type TestCertificate } from "./test-certificates.ts";

const now = new Date("2026-11-27T10:00:00Z");
const trunk = (trunkId: string, sourceNetworks: string[], more: Partial<KnownTrunk> = {}): KnownTrunk => ({
  trunkId,
  name: `SBC ${trunkId}`,
  enabled: true,
  sourceNetworks,
  transport: "any",
  media: "any",
  certificates: [],
  recordingUser: `user${trunkId}`,
  digest: null,
  ...more,
});
const tenants = (of: Record<string, KnownTrunk[]>, sandbox: readonly string[] = []): KnownSenders => ({ tenants: Object.entries(of).map(([tenantId, trunks]) => ({ tenantId, sandbox: sandbox.includes(tenantId), trunks })) });
const from = (remoteAddress: string, more: Partial<Claim> = {}): Claim => ({ remoteAddress, transport: "udp", recordingUser: null, certificates: [], ...more });
const who = (snapshot: KnownSenders, claim: Claim) => {
  const found = identify(snapshot, claim, now);
  return found.kind === "trunk" ? found.trunk.trunkId : found.reason;
};

describe("identify", () => {
  const known = tenants({
    contoso: [trunk("wide", ["10.0.0.0/8"]), trunk("lab", ["127.0.0.0/8", "::1/128"]), trunk("six", ["2001:db8::/32"])],
    fabrikam: [trunk("narrow", ["10.20.0.0/16"]), trunk("one", ["10.20.30.40/32", "2001:db8:1::/48"]), trunk("mapped", ["::ffff:192.0.2.0/120"]), trunk("empty", [])],
  });

  test.each([
    ["10.1.2.3", "wide"],
    ["10.20.1.1", "narrow"],
    ["10.20.30.40", "one"],
    ["::ffff:10.20.30.40", "one"],
    ["::ffff:a14:1e28", "one"],
    ["127.0.0.2", "lab"],
    ["::1", "lab"],
    ["2001:db8::5", "six"],
    ["2001:DB8:1::5", "one"],
    ["2001:db8::5%eth0", "six"],
    ["192.0.2.77", "mapped"],
    ["11.0.0.1", "SOURCE_NOT_ALLOWED"],
    ["2001:db9::1", "SOURCE_NOT_ALLOWED"],
    ["fe80::1%eth0", "SOURCE_NOT_ALLOWED"],
    ["host.example", "SOURCE_NOT_ALLOWED"],
    ["999.1.1.1", "SOURCE_NOT_ALLOWED"],
    ["010.0.0.1", "SOURCE_NOT_ALLOWED"],
    ["10.1", "SOURCE_NOT_ALLOWED"],
    ["10.0.0.1:5060", "SOURCE_NOT_ALLOWED"],
    [":".repeat(10_000), "SOURCE_NOT_ALLOWED"],
    ["", "SOURCE_NOT_ALLOWED"],
  ])("the most specific network over all tenants takes %s", (address, expected) => {
    expect(who(known, from(address))).toBe(expected);
    expect(isTrunkAddress(known, address)).toBe(expected !== "SOURCE_NOT_ALLOWED");
  });

  test("a call to a user that no trunk has is taken by its address, and says so: what was called, and by what it was taken", () => {
    const noted = (user: string, address = "10.20.1.1") => identify(known, from(address, { recordingUser: user }), now);
    expect(noted("srs")).toMatchObject({ kind: "trunk", trunk: { trunkId: "narrow" }, unknownAddress: "It called the user “srs”, which is no trunk's recording address; trunk “SBC narrow” was chosen because it allows 10.20.0.0/16. Enter the trunk's own recording address in the client." });
    expect(noted("srs", "10.20.30.40")).toMatchObject({ unknownAddress: expect.stringContaining("it allows 10.20.30.40, a smaller network than trunk “SBC narrow” has.") });
    expect(noted(`\u202e${"x".repeat(500)}`)).toMatchObject({ unknownAddress: expect.stringContaining(`“\ufffd${"x".repeat(31)}…”`) });
    expect(noted("usernarrow")).not.toHaveProperty("unknownAddress");
    expect(identify(known, from("10.20.1.1"), now)).not.toHaveProperty("unknownAddress");
    const off = tenants({ contoso: [trunk("one", ["10.0.0.0/8"], { enabled: false })] });
    expect(identify(off, from("10.1.1.1", { recordingUser: "srs" }), now)).toMatchObject({ reason: "TRUNK_OFF", explanation: expect.stringContaining("It called the user “srs”") });
  });

  test("a network that two tenants claim alike is nobody's, unless the trunk's own address was called", () => {
    const contested = tenants({ contoso: [trunk("a", ["192.0.2.0/24"])], fabrikam: [trunk("b", ["192.0.2.0/24"]), trunk("c", ["192.0.2.7/32"])] });
    expect(identify(contested, from("192.0.2.1"), now)).toEqual({ kind: "refused", reason: "SOURCE_NOT_ALLOWED", concerns: null, explanation: expect.stringContaining("More than one tenant claims 192.0.2.0/24") });
    expect(who(contested, from("192.0.2.7"))).toBe("c");
    expect(who(contested, from("192.0.2.1", { recordingUser: "userb" }))).toBe("b");
    expect(who(contested, from("192.0.2.7", { recordingUser: "USERA" })), "though another's network is more specific").toBe("a");
    expect(contestedNetworks(contested)).toEqual(["192.0.2.0/24"]);
    expect(contestedNetworks(known)).toEqual([]);
    expect(contestedNetworks(tenants({ contoso: [trunk("a", ["192.0.2.0/24"])], fabrikam: [trunk("b", ["::ffff:192.0.2.0/120"]), trunk("off", ["198.51.100.0/24"], { enabled: false })], northwind: [trunk("c", ["198.51.100.0/24"])] }))).toEqual(["192.0.2.0/24"]);
  });

  test("of alike trunks of one tenant the oldest takes what calls none of their addresses, and what is said names the others", () => {
    const [a, b, c] = [trunk("a", ["10.0.0.0/8"]), trunk("b", ["10.0.0.0/8"]), trunk("c", ["10.0.0.0/8", "10.0.0.0/8"])];
    const taken = (...trunks: KnownTrunk[]) => identify(tenants({ contoso: trunks, fabrikam: [trunk("other", ["0.0.0.0/0"])] }), from("10.1.1.1", { recordingUser: "srs" }), now);
    const because = (words: string) => ({ unknownAddress: expect.stringContaining(`was chosen because it allows 10.0.0.0/8${words}. Enter`) });
    for (const [first, second] of [[a, b], [b, a]] as const) {
      expect(taken(first, second)).toMatchObject({ trunk: { trunkId: first.trunkId }, ...because(`, as trunk “${second.name}” does, and is the older one`) });
      expect(who(tenants({ contoso: [first, second] }), from("10.1.1.1", { recordingUser: second.recordingUser })), "its own address is its own").toBe(second.trunkId);
    }
    expect(taken(c, b, a)).toMatchObject({ trunk: { trunkId: "c" }, ...because(", as 2 other trunks do, and is the oldest one") });
    expect(taken({ ...a, enabled: false }, b), "one that is off gives way").toMatchObject({ trunk: { trunkId: "b" }, ...because("") });
    expect(taken(c), "another tenant's wider network is nobody's business").toMatchObject(because(""));
    expect(taken(trunk("older", ["0.0.0.0/0"]), a)).toMatchObject({ trunk: { trunkId: "a" }, ...because(", a smaller network than trunk “SBC older” has") });
  });

  test("a trunk's own address that is called from elsewhere is refused on that trunk's page, with the address and what is allowed", () => {
    const { concerns, explanation } = identify(known, from("::ffff:10.1.2.3", { recordingUser: "userone" }), now) as { concerns: unknown; explanation: string };
    expect(concerns).toEqual({ tenantId: "fabrikam", trunkId: "one", trunkName: "SBC one" });
    expect(explanation).toContain("came from 10.1.2.3, which trunk “SBC one” does not allow. It allows 10.20.30.40, 2001:db8:1::/48.");
    expect(identify(known, from("10.1.2.3", { recordingUser: "userempty" }), now)).toMatchObject({ explanation: expect.stringContaining("allows no address yet") });
    expect(who(known, from("10.1.2.3", { recordingUser: "nobody" })), "a user that is no trunk's says nothing").toBe("wide");
    expect(who(known, from("10.1.2.3", { recordingUser: "__proto__" }))).toBe("wide");
  });

  test("what no trunk allows concerns the installation's one tenant that is not made up, or nobody", () => {
    const concerns = (snapshot: KnownSenders) => (identify(snapshot, from("198.51.100.1"), now) as { concerns: unknown }).concerns;
    const nobody = { trunkId: null, trunkName: null };
    expect(concerns(known)).toBeNull();
    expect(concerns(tenants({ contoso: [], fabrikam: [] }, ["contoso"]))).toEqual({ tenantId: "fabrikam", ...nobody });
    expect(concerns(tenants({ contoso: [] }, ["contoso"]))).toEqual({ tenantId: "contoso", ...nobody });
    expect(concerns(tenants({ contoso: [], fabrikam: [] }, ["contoso", "fabrikam"]))).toBeNull();
    expect(concerns(tenants({}))).toBeNull();
  });

  test("a trunk that is off is refused as such, gives way to another of its tenant and contests nothing", () => {
    const off = { enabled: false };
    expect(identify(tenants({ a: [trunk("wide", ["10.0.0.0/8"]), trunk("off", ["10.1.0.0/16"], off)] }), from("10.1.1.1"), now)).toMatchObject({ reason: "TRUNK_OFF", concerns: { trunkId: "off" }, explanation: "Trunk “SBC off” is switched off. Switch it on to record its calls." });
    expect(who(tenants({ a: [trunk("a-off", ["10.0.0.0/8"], off), trunk("on", ["10.0.0.0/8"])] }), from("10.1.1.1"))).toBe("on");
    expect(who(tenants({ a: [trunk("a-off", ["10.0.0.0/8"], off)], b: [trunk("on", ["10.0.0.0/8"])] }), from("10.1.1.1"))).toBe("on");
    expect(who(tenants({ a: [trunk("off", ["10.0.0.0/8"], off)] }), from("10.1.1.1", { recordingUser: "useroff" }))).toBe("TRUNK_OFF");
  });

  test("a trunk for TLS alone refuses what comes otherwise, and says over what it came", () => {
    const tls = tenants({ a: [trunk("tls", ["10.0.0.0/8"], { transport: "tls", media: "srtp" })] });
    expect(identify(tls, from("10.1.1.1"), now)).toMatchObject({ reason: "TLS_REQUIRED", explanation: expect.stringContaining("came over UDP") });
    expect(identify(tls, from("10.1.1.1", { transport: "tcp" }), now)).toMatchObject({ reason: "TLS_REQUIRED", explanation: expect.stringContaining("TCP without TLS") });
    expect(identify(tls, from("10.1.1.1", { transport: "tls" }), now)).toEqual({ kind: "trunk", trunk: { tenantId: "a", trunkId: "tls", trunkName: "SBC tls", media: "srtp", digest: null } });
  });

  test("a look costs the same with one network and with thousands", () => {
    const many = tenants({ a: [trunk("many", Array.from({ length: 20_000 }, (_, n) => `10.${n >> 8}.${n & 255}.0/24`))] });
    expect(who(many, from("10.3.4.5"))).toBe("many");
    const began = performance.now();
    for (let n = 0; n < 10_000; n++) identify(many, from(`11.0.${n & 255}.1`), now);
    expect(performance.now() - began, "10,000 requests of a stranger").toBeLessThan(500);
  });
});

describe("client certificates", () => {
  let root: TestCertificate;
  let middle: TestCertificate;
  let client: TestCertificate;
  let stranger: TestCertificate;
  beforeAll(async () => {
    root = await makeCertificate({ name: "Bank Root", isAuthority: true });
    middle = await makeCertificate({ name: "Bank Issuing", isAuthority: true, by: root });
    client = await makeCertificate({ name: "sbc.bank.example", by: middle, uses: ["1.3.6.1.5.5.7.3.2"] });
    stranger = await makeCertificate({ name: "sbc.bank.example" });
  });

  const trusting = (...pinned: string[]) => tenants({ a: [trunk("tls", ["10.0.0.0/8"], { certificates: pinned })] });
  const sends = (...certificates: Uint8Array[]) => from("10.1.1.1", { transport: "tls", certificates });
  const explanation = (snapshot: KnownSenders, claim: Claim) => (identify(snapshot, claim, now) as { explanation: string }).explanation;

  test("the very certificate is taken, and one that a named authority issued, itself or through another", () => {
    expect(who(trusting(client.pem), sends(client.der))).toBe("tls");
    expect(who(trusting(middle.pem), sends(client.der))).toBe("tls");
    expect(who(trusting(root.pem), sends(client.der, middle.der))).toBe("tls");
    expect(who(trusting(root.pem), sends(client.der, stranger.der, root.der, middle.der)), "in any order, with others between").toBe("tls");
  });

  test("any other is refused: unknown, of the same name, without the link between, signed by no authority", async () => {
    expect(who(trusting(root.pem), sends(client.der))).toBe("CERTIFICATE_UNKNOWN");
    expect(explanation(trusting(root.pem), sends(client.der))).toContain("“sbc.bank.example”, issued by “Bank Issuing” and good until 2027-01-01");
    expect(who(trusting(client.pem), sends(stranger.der))).toBe("CERTIFICATE_UNKNOWN");
    expect(who(trusting(root.pem), sends(stranger.der, middle.der, root.der))).toBe("CERTIFICATE_UNKNOWN");
    const forged = await makeCertificate({ name: "forged", by: { ...stranger, certificate: root.certificate } });
    expect(who(trusting(root.pem), sends(forged.der)), "the authority's name, not its key").toBe("CERTIFICATE_UNKNOWN");
    const underClient = await makeCertificate({ name: "below", by: client });
    expect(who(trusting(client.pem), sends(underClient.der)), "a client is no authority").toBe("CERTIFICATE_UNKNOWN");
    expect(who(trusting(root.pem), sends(underClient.der, client.der, middle.der))).toBe("CERTIFICATE_UNKNOWN");
  });

  test("time and purpose count, for the client's and for the authority's", async () => {
    const expired = await makeCertificate({ name: "old.bank.example", by: middle, to: new Date("2026-11-01") });
    expect(explanation(trusting(middle.pem, expired.pem), sends(expired.der))).toBe("The client's certificate “old.bank.example” expired on 2026-11-01. Install a current one in the client.");
    const early = await makeCertificate({ name: "new", by: middle, from: new Date("2026-12-01") });
    expect(explanation(trusting(middle.pem), sends(early.der))).toContain("is not valid before 2026-12-01");
    const oldRoot = await makeCertificate({ name: "Old Root", isAuthority: true, to: new Date("2026-11-01") });
    const under = await makeCertificate({ name: "under", by: oldRoot });
    expect(explanation(trusting(oldRoot.pem), sends(under.der))).toContain("The authority “Old Root” that issued the client's certificate “under” expired on 2026-11-01");
    const mail = await makeCertificate({ name: "mail", by: middle, uses: ["1.3.6.1.5.5.7.3.4"] });
    expect(explanation(trusting(middle.pem), sends(mail.der))).toContain("is not meant for TLS");
    const server = await makeCertificate({ name: "server", by: middle, uses: ["1.3.6.1.5.5.7.3.1"] });
    expect(who(trusting(middle.pem), sends(server.der))).toBe("tls");
  });

  test("without one, or without TLS, the refusal says what is missing", () => {
    expect(identify(trusting(client.pem), sends(), now)).toMatchObject({ reason: "CERTIFICATE_MISSING", explanation: expect.stringContaining("the client sent none") });
    expect(identify(trusting(client.pem), from("10.1.1.1"), now)).toMatchObject({ reason: "CERTIFICATE_MISSING", explanation: expect.stringContaining("which only TLS can carry, and the call came over UDP") });
  });

  test("what is no certificate is refused without an error, and a long list of them costs little", () => {
    for (const der of [new Uint8Array(), randomBytes(2_000), client.der.slice(0, 200), new Uint8Array(100_000), client.der.map((byte, at) => (at % 37 === 5 ? byte ^ 255 : byte))]) {
      expect(who(trusting(root.pem), sends(der)), `${der.length} bytes`).toBe("CERTIFICATE_UNKNOWN");
      expect(who(trusting(root.pem), sends(client.der, der)), `${der.length} bytes behind it`).toBe("CERTIFICATE_UNKNOWN");
    }
    for (let at = 0; at < client.der.length; at += 3) {
      const damaged = client.der.with(at, client.der[at]! ^ 0x55);
      expect(who(trusting(root.pem), sends(damaged, middle.der)), `byte ${at}`).toBe("CERTIFICATE_UNKNOWN");
    }
    const began = performance.now();
    expect(who(trusting(root.pem, stranger.pem), sends(client.der, ...Array.from({ length: 1_000 }, () => stranger.der)))).toBe("CERTIFICATE_UNKNOWN");
    expect(performance.now() - began).toBeLessThan(100);
  });
});
