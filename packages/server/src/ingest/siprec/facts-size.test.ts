/** Documents of the size of a message, built to be slow: a few hundred bytes of work for each byte would stop every call of the node. */
import { mergeRecordingMetadata, parseRecordingMetadata } from "@earwitness/media";
import type { CallFacts } from "#recorder";
import { expect, test } from "vitest";
import { describeCall } from "./facts.ts";
import { noHints } from "./invite-hints.ts";

const many = (count: number, write: (index: number) => string): string => Array.from({ length: count }, (_, index) => write(index)).join("");
const address = (uri: string) => ({ uri, displayName: "", params: new Map() });

test.each([
  ["sessions, each with whatever stands in the document", `${many(6_000, (n) => `<session id="s${n}"/>`)}<participant id="p" session="s1"/>${many(1_000, () => '<a b="1"/>')}`],
  ["placeholders", `<session id="s"/>${many(3_400, (n) => `<participant id="p${n}" session="s"><aor>asbce@x</aor></participant>`)}`],
  ["people", `<session id="s"/>${many(3_400, (n) => `<participant id="p${n}" session="s"><aor>p${n}@x</aor></participant>`)}`],
  ["the same association", `<session id="s"/><participant id="p"/>${many(2_500, () => '<participantsessionassoc participant_id="p" session_id="s"/>')}${many(150, () => `<participantstreamassoc participant_id="p">${many(20, (n) => `<send>t${n}</send>`)}</participantstreamassoc>`)}${many(20, (n) => `<stream id="t${n}"><label>${n}</label></stream>`)}`],
  ["everybody in every session", `${many(60, (n) => `<session id="s${n}"/>`)}${many(60, (n) => `<participant id="p${n}"/>`)}${many(3_600, (n) => `<participantsessionassoc participant_id="p${n % 60}" session_id="s${Math.floor(n / 60)}"/>`)}`],
  ["extensions of participants", `<session id="s"/>${many(2_000, (n) => `<participant id="p${n}" session="s"><x>1</x></participant>`)}`],
])("thousands of %s: bounded in time and size", (_name, content) => {
  const parsed = parseRecordingMetadata(new TextEncoder().encode(`<recording>${content}</recording>`));
  if (!parsed.ok || parsed.value.kind !== "metadata") throw new Error("not read");
  const at = new Date("2026-11-20T09:15:00Z");
  const metadata = mergeRecordingMetadata(mergeRecordingMetadata(null, parsed.value, at), parsed.value, at);
  const state = { metadata, labels: ["1", "2"], invite: { callId: "rs", from: address("sip:a@x"), to: address("sip:b@x") }, hints: { ...noHints, asserted: { name: null, address: "sip:z@x", writtenAddress: "sip:z@x" } }, at };
  const beganMs = performance.now();
  let before: CallFacts | null = null;
  for (let time = 0; time < 3; time += 1) before = describeCall({ ...state, before });
  // Some 20 ms each on a machine of its own; the quadratic ways took seconds.
  expect((performance.now() - beganMs) / 3).toBeLessThan(300);
  expect(before!.conversations.length).toBeLessThanOrEqual(200);
  expect(Math.max(...before!.conversations.map(({ parties }) => parties.length))).toBeLessThanOrEqual(200);
});
