import { formatVkey, noteKey, noteTypes } from "@earwitness/verify";
import { describe, expect, test } from "vitest";
import { fingerprint, judgeKey, knownKey, rememberKey } from "./log-key.ts";

const keyOf = (seed: number): string => formatVkey(noteKey("recorder.example/log/1", noteTypes.ed25519, new Uint8Array(32).fill(seed)));

function memory(): Pick<Storage, "getItem" | "setItem"> {
  const kept = new Map<string, string>();
  return { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => void kept.set(name, value) };
}

describe("the key that a browser remembers", () => {
  test("is each tenant's own", () => {
    const storage = memory();
    const key = { vkey: keyOf(1), since: "2026-11-27T08:00:00.000Z", given: true };
    rememberKey("contoso", key, storage);
    expect([knownKey("contoso", storage), knownKey("fabrikam", storage)]).toEqual([key, null]);
  });

  test("what is no key is none", () => {
    const storage = memory();
    for (const broken of ["", "{", "null", "[]", '{"vkey":1}', '{"vkey":"a+b+c","since":"2026"}', JSON.stringify({ vkey: keyOf(1) })]) {
      storage.setItem("earwitness.logKey.contoso", broken);
      expect(knownKey("contoso", storage), broken).toBeNull();
    }
  });

  test.for([
    ["unknown", null, keyOf(1)],
    ["unknown", null, null],
    ["same", keyOf(1), keyOf(1)],
    ["handedOver", keyOf(1), keyOf(2)],
    ["changed", keyOf(1), null],
  ] as const)("%s: relied on %s, signed by %s", ([verdict, trusted, signedBy]) => expect(judgeKey(trusted, { signedBy })).toBe(verdict));

  test("is told by its log's name and four bytes", () => {
    const { name, id } = fingerprint(keyOf(1));
    expect(name).toBe("recorder.example/log/1");
    expect(id).toMatch(/^[0-9a-f]{2}( [0-9a-f]{2}){3}$/);
    expect(id.replaceAll(" ", "")).toBe(keyOf(1).split("+")[1]);
  });
});
