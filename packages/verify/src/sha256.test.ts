import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { beginSha256, sha256 } from "./index.ts";

const expected = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

test("SHA-256 of anything, in any pieces, is what OpenSSL makes of it", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.array(fc.nat(400), { maxLength: 5 }), (bytes, cuts) => {
      expect(Buffer.from(sha256(bytes)).toString("hex")).toBe(expected(bytes));
      const running = beginSha256();
      let at = 0;
      for (const cut of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
        running.update(bytes.subarray(at, Math.max(at, cut)));
        at = Math.max(at, Math.min(cut, bytes.length));
      }
      expect(Buffer.from(running.digest()).toString("hex")).toBe(expected(bytes));
    }),
    { numRuns: 500 },
  );
});
