import { expect, test } from "vitest";
import { createConnectionCount } from "./connection-caps.ts";

test("strangers fill their share and no more; trunks have the rest, each its own; places come back once", () => {
  const count = createConnectionCount({ connections: 10, connectionsPerSource: 4, strangerConnections: 5, connectionsPerStranger: 2 });
  const strangers = Array.from({ length: 40 }, (_, index) => count.take(`stranger ${index % 20}`, false));
  expect(strangers.filter((leave) => leave !== null)).toHaveLength(5);
  expect(count.strangers).toBe(5);
  expect(Array.from({ length: 6 }, () => count.take("sbc", true)).filter((leave) => leave !== null)).toHaveLength(4);
  const last = count.take("other sbc", true);
  expect(last).not.toBeNull();
  expect(count.take("third sbc", true)).toBeNull();
  expect(count.total).toBe(10);
  last!();
  last!();
  expect(count.total).toBe(9);
  strangers[0]!();
  expect([count.total, count.strangers]).toEqual([8, 4]);
  expect(count.take("stranger 7", false)).not.toBeNull();
  expect(count.take("stranger 8", false)).toBeNull();
});

test("one stranger has a handful", () => {
  const count = createConnectionCount({ connections: 10, connectionsPerSource: 4, strangerConnections: 5, connectionsPerStranger: 2 });
  expect(Array.from({ length: 4 }, () => count.take("s", false) !== null)).toEqual([true, true, false, false]);
});
