import fc from "fast-check";
import { parseSdp } from "@earwitness/media";
import { expect, test } from "vitest";
import { labelOf, readLines } from "./lines.ts";
import { sdpOf } from "./test-client.ts";

function labelsOf(offered: readonly (string | undefined)[], before: readonly string[] = []): string[] {
  const sdp = parseSdp(sdpOf(...offered.map((label) => (label === undefined ? {} : { label }))));
  if (!sdp.ok) throw new Error(sdp.reason);
  return readLines(sdp.value, before).map(labelOf);
}

test("a line without a label is known by its place, and keeps the label it had", () => {
  expect(labelsOf([undefined, "a", undefined])).toEqual(["m0", "a", "m2"]);
  expect(labelsOf([undefined, undefined], ["left"])).toEqual(["left", "m1"]);
});

test("labels are unique, whatever is offered", () => {
  const label = fc.option(fc.constantFrom("1", "2", "m0", "m1", "m2", "m1+"), { nil: undefined });
  fc.assert(
    fc.property(fc.array(label, { maxLength: 8 }), fc.array(fc.constantFrom("1", "m1", "m2"), { maxLength: 8 }), (offered, before) => {
      const labels = labelsOf(offered, before);
      expect(labels).toHaveLength(offered.length);
      expect(new Set(labels).size).toBe(labels.length);
    }),
  );
});
