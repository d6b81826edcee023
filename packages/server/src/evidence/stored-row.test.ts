import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { newEvidenceId, recordedAtOf } from "./evidence-id.ts";
import { numbersAreOurs, readRow, type RawRow } from "./stored-row.ts";

const raw: RawRow = {
  evidence_id: "0193a1b2-0000-7000-8000-000000000000",
  recorded_at: new Date("2026-11-21T09:30:01.000Z"),
  occurred_at: new Date("2026-11-21T09:30:00.123Z"),
  times_whole: true,
  node_id: "n1",
  actor_kind: "person",
  actor_id: "p1",
  actor_name: "Adele Vance",
  action: "Play",
  item: "Call",
  subject: null,
  remote_address: null,
  reason: null,
  detail_text: '{"n": 1}',
  tree_index: 3,
  salt: new Uint8Array(32),
  erased_by: null,
};
const flaw = (change: Partial<RawRow>) => readRow("t", { ...raw, ...change }).flaw;

describe("what a commitment would not cover", () => {
  test("an honest row has no flaw", () => {
    expect(readRow("t", raw)).toMatchObject({ flaw: null, treeIndex: 3, row: { tenantId: "t", recordedAt: "2026-11-21T09:30:01.000Z", detail: { n: 1 } } });
  });

  test("is named: times that are none or too fine, numbers that doubles cannot tell apart, a lost salt, too deep a detail", () => {
    expect(flaw({ recorded_at: Infinity })).toBe("a time of it is none");
    expect(flaw({ occurred_at: new Date(Number.NaN) })).toBe("a time of it is none");
    expect(flaw({ times_whole: false })).toBe("a time of it is finer than milliseconds");
    expect(flaw({ detail_text: '{"n": 1.0}' })).toBe("a number in its detail is written as we do not write it");
    expect(flaw({ salt: null })).toBe("its salt is missing");
    expect(flaw({ salt: new Uint8Array(31) })).toBe("its salt is missing");
    expect(flaw({ detail_text: `${"[".repeat(70)}${"]".repeat(70)}` })).toContain("nested more than 64 deep");
  });
});

describe("numbers of jsonb", () => {
  /** As PostgreSQL stores a number: decimal, without an exponent, with the digits it was given. */
  const asNumeric = (value: number): string => {
    const [, sign, whole, fraction = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(JSON.stringify(value))!;
    const digits = BigInt(whole! + fraction);
    const scale = fraction.length - Number(exponent);
    if (scale <= 0) return `${sign}${digits * 10n ** BigInt(-scale)}`;
    const text = digits.toString().padStart(scale + 1, "0");
    return `${sign}${text.slice(0, -scale)}.${text.slice(-scale)}`;
  };

  test("every number that JavaScript can write is ours, as the database gives it back", () => {
    fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      expect(numbersAreOurs(`{"n": [${asNumeric(value)}]}`), asNumeric(value)).toBe(true);
    }), { numRuns: 2_000 });
  });

  test("any other spelling is not: more digits, a zero at the end, a number beyond doubles", () => {
    for (const text of ["1.0", "0.10", "1.00000000000000000001", "9007199254740993", "100000000000000000000000000000000000001", "123456789012345678901234567890", `1${"0".repeat(400)}`]) expect(numbersAreOurs(`[${text}]`), text).toBe(false);
    fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer({ min: 0, max: 9 }), (value, digit) => {
      const text = asNumeric(value);
      const longer = text.includes(".") ? `${text}${digit}` : `${text}.${digit}`;
      expect(numbersAreOurs(longer), longer).toBe(asNumeric(Number(longer)) === longer);
    }));
  });

  test("what stands inside of a text is no number", () => {
    expect(numbersAreOurs('{"1.0": "2.00 \\" 3.00", "a\\\\": "4.0"}')).toBe(true);
    expect(numbersAreOurs('{"a\\\\": 4.0}')).toBe(false);
  });
});

describe("the id of a row", () => {
  test("is a UUID of version 7 that holds when the row was recorded", () => {
    fc.assert(fc.property(fc.date({ min: new Date(0), max: new Date("9999-12-31T23:59:59.999Z"), noInvalidDate: true }), (at) => {
      const id = newEvidenceId(at);
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(recordedAtOf(id)).toEqual(at);
    }));
    expect(recordedAtOf(crypto.randomUUID())).toBeNull();
  });
});
