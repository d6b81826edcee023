import { expect, test } from "vitest";
import { readTrace, sinceFirst } from "./read-trace.ts";

const dashes = "-".repeat(72);
const trace = [
  "2026-11-27T05:00:00.000Z received from 10.0.0.7:5060 (UDP)", "", "INVITE sip:t7@rec.example SIP/2.0", "CSeq: 1 INVITE", "Content-Length: 5", "", "v=0", "", "s=-", "", dashes,
  "2026-11-27T05:00:00.011Z sent to 10.0.0.7:5060 (UDP)", "", "SIP/2.0 403 Forbidden", "CSeq: 1 INVITE", "", dashes, "",
].join("\n");

test("messages in order, with direction, title and body", () => {
  expect(readTrace(trace)).toEqual([
    { at: new Date("2026-11-27T05:00:00.000Z"), direction: "in", remote: "10.0.0.7:5060", transport: "UDP", title: "INVITE", isRequest: true, method: "INVITE", head: "INVITE sip:t7@rec.example SIP/2.0\nCSeq: 1 INVITE\nContent-Length: 5", body: "v=0\n\ns=-" },
    { at: new Date("2026-11-27T05:00:00.011Z"), direction: "out", remote: "10.0.0.7:5060", transport: "UDP", title: "403 Forbidden", isRequest: false, method: "INVITE", head: "SIP/2.0 403 Forbidden\nCSeq: 1 INVITE", body: "" },
  ]);
});

test("a line of dashes inside of a message stays in it", () => {
  const read = readTrace(trace.replace("s=-", `s=-\n${dashes}\nmore`));
  expect(read).toHaveLength(2);
  expect(read?.[0]?.body).toContain("more");
});

test("what is no trace is not taken for one, and an odd message is still shown", () => {
  expect(readTrace("something else")).toBeNull();
  expect(readTrace("")).toEqual([]);
  expect(readTrace(`2026-11-27T05:00:00.000Z received from [2001:db8::1]:5061 (TLS)\n\n\u0001\u0002\n\n${dashes}\n`)).toMatchObject([{ remote: "[2001:db8::1]:5061", transport: "TLS", method: null }]);
});

test("times are counted from the first message", () => {
  expect([0, 11, 59_999, 62_400, 605_040].map(sinceFirst)).toEqual(["+0.000 s", "+0.011 s", "+59.999 s", "+1:02.4", "+10:05.0"]);
});
