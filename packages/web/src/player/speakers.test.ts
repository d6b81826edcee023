import { expect, test } from "vitest";
import { laneGrounds, speakerColors } from "./speakers.ts";

/** Relative luminance and contrast as WCAG 2.2 defines them. */
function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
const contrast = (one: string, two: string): number => {
  const [darker = 0, lighter = 0] = [luminance(one), luminance(two)].toSorted((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
};

test.each(["light", "dark"] as const)("INT-41 every speaker's color stands out from its lane by 4.5:1 in the %s theme", (theme) => {
  for (const color of speakerColors) expect(contrast(color[theme], laneGrounds[theme]), color[theme]).toBeGreaterThanOrEqual(4.5);
  expect(new Set(speakerColors.map((color) => color[theme])).size).toBe(speakerColors.length);
});
