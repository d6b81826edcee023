import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { SipMessage } from "@earwitness/media";
import { describe, expect, test } from "vitest";
import { tortureMessages } from "../../../../media/src/testing/rfc4475.ts";
import { describeTorture, verdictOf } from "../../../../media/src/testing/torture-verdicts.ts";
import { ipv6Messages } from "../../../../media/src/testing/rfc5118.ts";
import { createTestServer, until } from "./test-server.ts";
import type { TestServer } from "./test-server.ts";
import type { TestClient } from "./test-client.ts";

/** The one change that lets an answer come back to whoever sends these: `;rport` on the topmost Via (RFC 3581). */
function withRport(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString("latin1");
  return Buffer.from(text.replace(/^(?:via|v)[ \t]*:(?:[^;,\r\n]|\r\n[ \t])*/im, "$&;rport"), "latin1");
}

const isFinal = (message: SipMessage): boolean => message.kind === "response" && message.status >= 200;

/** The first final response to what was sent, or null once a probe that was sent after it is answered. */
async function answerTo(client: TestClient, bytes: Uint8Array, probe: string): Promise<SipMessage | null> {
  client.send(bytes);
  client.send(`OPTIONS sip:srs SIP/2.0\r\nVia: SIP/2.0/UDP ${client.address}:${client.port};rport;branch=z9hG4bK${probe}\r\nFrom: <sip:p@q>;tag=1\r\nTo: <sip:p@q>\r\nCall-ID: ${probe}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n`);
  const first = await client.next(isFinal);
  if (first.headers.get("Call-ID") !== probe) return first;
  // An INVITE is answered when the recorder has decided, which may be after the probe.
  return client.next((message) => isFinal(message) && message.headers.get("Call-ID") !== probe, 60).catch(() => null);
}

/** An answer repeats what was malformed, so the test's own parser refuses two of them; the server's count says what they were. */
const unreadableAnswers = ["badinv01", "scalar02"];
async function unreadableAnswer(it: TestServer, client: TestClient, name: string): Promise<void> {
  await until(() => client.unreadable.length > 0, "an answer");
  expect(client.unreadable).toEqual([verdictOf(name).refusal]);
  expect(it.server.stats().responses["4xx"]).toBe(1);
}

/** A call that runs meanwhile is as it was: nothing told to its recording, still answered, and it ends as it should. */
async function withBystander(it: TestServer, meanwhile: () => Promise<void>): Promise<void> {
  const bystander = await it.call();
  await bystander.establish();
  const [watched] = it.recorder.calls;
  await meanwhile();
  expect(watched!.told).toEqual([]);
  bystander.send("BYE");
  await bystander.client.next((message) => message.kind === "response" && message.status === 200 && message.headers.get("CSeq")!.endsWith("BYE"));
  await until(() => watched!.ends.length > 0, "the bystander's end");
  expect(watched!.ends).toEqual(["released"]);
  expect(it.logged.filter((line) => line.includes("could not be handled"))).toEqual([]);
}

const everything = [...tortureMessages, ...ipv6Messages];

describe("RFC 4475 and RFC 5118 through the server", () => {
  test.each(everything)("UDP: $section $name", async ({ name, bytes }) => {
    await using it = await createTestServer();
    await withBystander(it, async () => {
      const client = await it.client();
      if (unreadableAnswers.includes(name)) {
        client.send(withRport(bytes));
        return unreadableAnswer(it, client, name);
      }
      const answer = await answerTo(client, withRport(bytes), "probe");
      expect(answer?.kind === "response" ? answer.status : null).toBe(verdictOf(name).answer);
      if (answer?.kind !== "response") return;
      if (answer.status === 405 || answer.status === 501) expect(answer.headers.has("Allow")).toBe(true);
      if (answer.status === 415) expect(answer.headers.get("Accept")).toContain("application/sdp");
      if (name === "bext01") expect(answer.headers.get("Unsupported")).toBe("nothingSupportsThis, nothingSupportsThisEither");
      if (name === "dblreq") expect(it.recorder.calls).toHaveLength(1); // the bystander's: the second request of the datagram is none
    });
  });

  test.each(everything)("TCP, byte for byte: $section $name", async ({ name, bytes }) => {
    await using it = await createTestServer();
    await withBystander(it, async () => {
      const client = await it.client("tcp");
      client.send(bytes);
      if (unreadableAnswers.includes(name)) return unreadableAnswer(it, client, name);
      const { answer, overTcp = answer } = verdictOf(name);
      if (overTcp === null) return client.silence(60, isFinal);
      const final = await client.next(isFinal);
      expect(final.kind === "response" && final.status).toBe(overTcp);
      // On a stream the second request is one.
      if (name === "dblreq") expect(await client.response(200)).toMatchObject({ status: 200 });
    });
  });

  test("all of them in one connection after another and in one datagram stream leave nothing behind", async () => {
    await using it = await createTestServer();
    await withBystander(it, async () => {
      const udp = await it.client();
      for (const { bytes } of everything) {
        udp.send(bytes);
        const tcp = await it.client("tcp");
        tcp.send(bytes);
        await tcp.close();
      }
      await until(() => it.server.stats().transport.connections === 0, "end of the connections");
      for (let second = 0; second < 40; second += 1) {
        it.time.advance(1_000);
        await new Promise((soon) => setTimeout(soon, 1));
      }
      await until(() => it.recorder.calls.slice(1).every(({ ends }) => ends.length === 1), "end of what they began");
      expect(it.server.stats().dialogs).toBe(1);
    });
  });

  test("two requests whose branches are the cookie alone are two requests", async () => {
    await using it = await createTestServer();
    const client = await it.client();
    const badbranch = tortureMessages.find(({ name }) => name === "badbranch")!.bytes;
    const other = Buffer.from(withRport(badbranch)).toString("latin1").replace("Call-ID: badbranch", "Call-ID: another");
    client.send(withRport(badbranch));
    client.send(Buffer.from(other, "latin1"));
    const callIds = [await client.response(200), await client.response(200)].map((response) => response.headers.get("Call-ID")!.split(".", 1)[0]);
    expect(callIds.toSorted()).toEqual(["another", "badbranch"]);
  });

  test("docs/torture.md is what these tests prove", async () => {
    const written = await readFile(join(resolve(import.meta.dirname, "../../../../.."), "docs/torture.md"), "utf8");
    expect(written).toBe(describeTorture());
  });
});
