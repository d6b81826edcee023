import fc from "fast-check";
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { canonicalJson } from "./canonical-json.ts";
import { canonicalRow, rowCommitment, rowLeaf, type EvidenceRow } from "./evidence-row.ts";
import { sha256 } from "./sha256.ts";

const row: EvidenceRow = {
  tenantId: "5c6a7b5e-3f0e-4c0e-9a51-6f0d5a4f4d11",
  evidenceId: "0b2f4c1e-1111-4222-8333-444455556666",
  recordedAt: "2026-11-27T08:30:00.125Z",
  occurredAt: "2026-11-27T08:30:00.120Z",
  nodeId: "n1",
  actor: { kind: "person", id: "p1", name: "Adele Vance" },
  action: "Play",
  item: "Call",
  subject: "64b0c1d2a1b2c3d4e5f60718",
  remoteAddress: null,
  reason: null,
  detail: { track: 1, "naïve": ["ä", null] },
};
const salt = new Uint8Array(32).fill(7);

describe("canonical JSON", () => {
  test("the example of RFC 8785, 3.2.4", () => {
    const text = String.raw`{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"€$\u000F\nA'B\"\\\\\"/","literals":[null,true,false]}`;
    expect(canonicalJson(JSON.parse(text))).toBe(String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`);
  });

  test("keys are ordered by UTF-16 code units (RFC 8785, 3.2.3)", () => {
    expect(canonicalJson(Object.fromEntries(["\u20ac", "\r", "\ufb33", "1", "\ud83d\ude00", "\u0080", "\u00f6"].map((key) => [key, 0])))).toBe('{"\\r":0,"1":0,"\u0080":0,"\u00f6":0,"\u20ac":0,"\ud83d\ude00":0,"\ufb33":0}');
  });

  test("says the same as before after any journey through JSON, whatever the order of keys", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test.each([[Number.NaN], [Number.POSITIVE_INFINITY], [undefined], [() => 1], [1n], ["\ud800"], [{ a: undefined }]])("refuses %s", (value) => {
    expect(() => canonicalJson(value)).toThrow(/JSON|half of a character/);
  });

  test("refuses what is nested without end", () => {
    let deep: unknown = 1;
    for (let i = 0; i < 100; i++) deep = [deep];
    expect(() => canonicalJson(deep)).toThrow("nested more than 64 deep");
  });
});

describe("a row's commitment", () => {
  test("is SHA-256 over domain, salt and canonical row, and the leaf is RFC 6962's hash of it", () => {
    const commitment = createHash("sha256").update("earwitness/evidence/1\n").update(salt).update(canonicalRow(row)).digest();
    expect(Buffer.from(rowCommitment(sha256, row, salt))).toEqual(commitment);
    expect(Buffer.from(rowLeaf(sha256, row, salt))).toEqual(createHash("sha256").update(Uint8Array.of(0)).update(commitment).digest());
  });

  test("changes with every field, and with the salt", () => {
    const changed: EvidenceRow[] = [
      ...(["tenantId", "evidenceId", "recordedAt", "occurredAt", "nodeId", "action", "item", "subject", "remoteAddress", "reason"] as const).map((field) => ({ ...row, [field]: "x" })),
      ...(["kind", "id", "name"] as const).map((field) => ({ ...row, actor: { ...row.actor, [field]: "x" } })),
      { ...row, detail: { track: 2, "naïve": ["ä", null] } },
      { ...row, detail: {} },
    ];
    const commitments = [row, ...changed].map((one) => Buffer.from(rowCommitment(sha256, one, salt)).toString("hex"));
    expect(new Set([...commitments, Buffer.from(rowCommitment(sha256, row, new Uint8Array(32))).toString("hex")]).size).toBe(changed.length + 2);
  });

  test("does not depend on the order in which a database returns the keys, nor on fields that are not the row's", () => {
    const other = { ...Object.fromEntries(Object.entries(row).toReversed()), detail: { "naïve": ["ä", null], track: 1 }, treeIndex: 9 } as unknown as EvidenceRow;
    expect(rowCommitment(sha256, other, salt)).toEqual(rowCommitment(sha256, row, salt));
  });

  test("asks for a whole salt", () => {
    expect(() => rowCommitment(sha256, row, new Uint8Array(16))).toThrow("a salt has 32 bytes, not 16");
  });
});
