import { expect, test } from "vitest";
import fc from "fast-check";
import { createTestServer, until } from "./test-server.ts";
import { siprecBody } from "./test-client.ts";

let ids = 0;
const newId = (): string => (ids += 1).toString(16).padStart(16, "0");

/** What an INVITE may suffer on the way: bytes changed, cut out, doubled, cut off; numbers made absurd; lines swapped. */
const mutation = fc.oneof(
  fc.record({ kind: fc.constant("flip" as const), at: fc.nat(4_000), byte: fc.nat(255) }),
  fc.record({ kind: fc.constant("cut" as const), at: fc.nat(4_000), length: fc.nat(300) }),
  fc.record({ kind: fc.constant("double" as const), at: fc.nat(4_000), length: fc.nat(300) }),
  fc.record({ kind: fc.constant("truncate" as const), at: fc.nat(4_000) }),
  fc.record({ kind: fc.constant("number" as const), at: fc.nat(60), value: fc.constantFrom("0", "-1", "99999999999999999999", "4294967296", "NaN") }),
  fc.record({ kind: fc.constant("line" as const), at: fc.nat(90), to: fc.nat(90) }),
);

type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

function mutate(bytes: Uint8Array, mutations: readonly Mutation[]): Uint8Array {
  return mutations.reduce<Buffer>((now, one) => {
    switch (one.kind) {
      case "flip": {
        const copy = Buffer.from(now);
        if (copy.length > 0) copy[one.at % copy.length] = one.byte;
        return copy;
      }
      case "cut":
        return Buffer.concat([now.subarray(0, one.at), now.subarray(one.at + one.length)]);
      case "double":
        return Buffer.concat([now.subarray(0, one.at + one.length), now.subarray(one.at)]);
      case "truncate":
        return now.subarray(0, one.at);
      case "number": {
        let index = 0;
        return Buffer.from(now.toString("latin1").replaceAll(/\d+/g, (digits) => (index++ === one.at ? one.value : digits)), "latin1");
      }
      case "line": {
        const lines = now.toString("latin1").split("\r\n");
        [lines[one.at % lines.length], lines[one.to % lines.length]] = [lines[one.to % lines.length]!, lines[one.at % lines.length]!];
        return Buffer.from(lines.join("\r\n"), "latin1");
      }
    }
  }, Buffer.from(bytes));
}

test.each(["udp", "tcp"] as const)("mutated requests over %s never throw, and never touch another call", async (kind) => {
  await using it = await createTestServer({ limits: { trunkRate: { perSecond: 1e9, burst: 1e9 } } });
  const bystander = await it.call();
  await bystander.establish();
  const [watched] = it.recorder.calls;

  // The messages of an ordinary call are the seeds. Every mutant gets ids of its own, or it would be taken for a retransmission.
  const seeds = await it.call();
  const originals = [seeds.send("INVITE", siprecBody()), seeds.send("UPDATE"), seeds.send("BYE"), seeds.send("CANCEL"), seeds.send("ACK"), seeds.send("OPTIONS")];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...originals, originals[0]!, originals[0]!, originals[0]!), fc.array(mutation, { minLength: 1, maxLength: 4 }), async (original, mutations) => {
      const fresh = Buffer.from(Buffer.from(original).toString("latin1").replace(seeds.callId, newId()).replace(/z9hG4bK\w+/, `z9hG4bK${newId()}`), "latin1");
      const mutant = mutate(fresh, mutations);
      const client = kind === "udp" ? bystander.client : await it.client("tcp");
      client.send(mutant);
      if (kind === "tcp") await client.close();
    }),
    { numRuns: kind === "udp" ? 1_500 : 300 },
  );
  // Whatever was begun comes to an end.
  for (let second = 0; second < 40; second += 1) {
    it.time.advance(1_000);
    await new Promise((soon) => setTimeout(soon, 1));
  }

  expect(it.recorder.calls.length).toBeGreaterThan(20); // many mutants are fit to be recorded: the fuzz reaches all the way
  expect(it.logged.filter((line) => line.includes("could not be handled"))).toEqual([]);
  expect(watched!.told).toEqual([]);
  bystander.send("OPTIONS", { branch: "z9hG4bKstillhere" });
  await bystander.client.next((one) => one.kind === "response" && one.status === 200 && one.headers.get("Via")!.includes("stillhere"));
  bystander.send("BYE");
  await until(() => watched!.ends.length > 0, "the bystander's end");
  expect(watched!.ends).toEqual(["released"]);
});
