import { spawn } from "node:child_process";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import type { TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import type { Claim } from "#trunks";
import type { SiprecServerOptions } from "./server.ts";
import { certificateLookMs } from "./server-certificate.ts";
import { certificateFiles, makeCertificate } from "./test-certificates.ts";
import type { TestCertificate } from "./test-certificates.ts";
import { siprecBody } from "./test-client.ts";
import { byAddress, createTestServer, trunk, until } from "./test-server.ts";
import type { TestServer } from "./test-server.ts";

let root: TestCertificate;
let middle: TestCertificate;
let client: TestCertificate;
let ours: TestCertificate;

beforeAll(async () => {
  root = await makeCertificate("Root", null, { authority: true });
  middle = await makeCertificate("Middle", root, { authority: true });
  client = await makeCertificate("sbc.example", middle);
  ours = await makeCertificate("rec.example", root);
});

async function withTls<T>(work: (it: TestServer, files: Awaited<ReturnType<typeof certificateFiles>>) => Promise<T>, options: Partial<SiprecServerOptions> = {}, authorities: TestCertificate | null = null): Promise<T> {
  await using files = await certificateFiles(ours, authorities);
  const { certificatePath, keyPath, authoritiesPath } = files;
  await using it = await createTestServer({ tls: { port: 0, certificatePath, keyPath, authoritiesPath }, ...options });
  return await work(it, files);
}

/** Keeps what the server says of each sender. */
function watching(): { readonly claims: Claim[] } & Pick<SiprecServerOptions, "identify"> {
  const claims: Claim[] = [];
  return {
    claims,
    identify(claim) {
      claims.push(claim);
      return { kind: "trunk", trunk };
    },
  };
}

const closed = (socket: Socket): Promise<void> => new Promise((done) => socket.on("error", () => undefined).once("close", () => done()));

describe("a call over TLS", () => {
  test.each(["TLSv1.2", "TLSv1.3"] as const)("%s from the INVITE to the BYE, with TLS in Contact", async (version) => {
    const { claims, identify } = watching();
    await withTls(
      async (it) => {
        const call = await it.call("tls", { minVersion: version, maxVersion: version });
        const ok = await call.establish();
        expect(ok.headers.get("Contact")).toBe(`<sip:srs@127.0.0.1:${it.server.tlsAddress!.port};transport=tls>;+sip.srs`);
        call.send("BYE");
        await call.client.next((one) => one.kind === "response" && one.headers.get("CSeq")!.endsWith("BYE"));
        await until(() => it.recorder.calls[0]!.ends.length > 0, "the end");
        expect(it.recorder.calls[0]!.ends).toEqual(["released"]);
        expect(claims[0]).toEqual({ remoteAddress: "127.0.0.1", transport: "tls", recordingUser: "srs", certificates: [] });
        expect(it.invitations[0]).toMatchObject({ transport: "tls", outcome: "recorded" });
      },
      { identify },
    );
  });

  test("who calls a SIPS URI is answered from one", async () => {
    await withTls(async (it) => {
      const call = await it.call("tls");
      call.send("INVITE", { uri: "sips:rec7@rec.example", ...siprecBody() });
      const ok = await call.client.response(200);
      expect(ok.headers.get("Contact")).toBe(`<sips:srs@127.0.0.1:${it.server.tlsAddress!.port}>;+sip.srs`);
    });
  });

  test("the client's certificate and those above it are handed over, its own first, whoever signed them", async () => {
    const { claims, identify } = watching();
    await withTls(
      async (it) => {
        const chained = await it.call("tls", { cert: client.pem + middle.pem, key: client.keyPem });
        await chained.establish();
        expect(claims[0]!.certificates.map((der) => Buffer.from(der).equals(client.der))).toEqual([true, false]);
        expect(Buffer.from(claims[0]!.certificates[1]!).equals(middle.der)).toBe(true);
        const alone = await it.call("tls", { cert: root.pem, key: root.keyPem });
        await alone.establish();
        expect(claims.at(-1)!.certificates.map((der) => Buffer.from(der).equals(root.der))).toEqual([true]);
      },
      { identify },
    );
  });

  test("a session cannot be resumed: every connection shows its certificates again", async () => {
    await withTls(async (it) => {
      for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
        const first = connectTls({ port: it.server.tlsAddress!.port, host: "127.0.0.1", rejectUnauthorized: false, maxVersion: version });
        let session: Buffer | undefined;
        first.on("session", (given) => (session = given));
        await new Promise((secure) => first.once("secureConnect", secure));
        session ??= first.getSession();
        first.destroy();
        const second = connectTls({ port: it.server.tlsAddress!.port, host: "127.0.0.1", rejectUnauthorized: false, maxVersion: version, ...(session === undefined ? {} : { session }) });
        await new Promise((secure) => second.once("secureConnect", secure));
        expect(second.isSessionReused()).toBe(false);
        second.destroy();
      }
    });
  });

  test("a request inside a dialog counts for its trunk only over TLS with the certificate, where the trunk wants that", async () => {
    await withTls(
      async (it) => {
        const call = await it.call("tls", { cert: client.pem + middle.pem, key: client.keyPem });
        await call.establish();
        for (const kind of ["udp", "tls"] as const) {
          const thief = await it.call(kind);
          Object.assign(thief, { toTag: call.toTag, cseq: 7, callId: call.callId });
          thief.send("BYE", { headers: [["From", `<sip:ann@client.example>;tag=${call.fromTag}`]] });
          expect((await thief.client.response(403)).headers.get("Warning")).toContain(kind === "udp" ? "TLS alone" : "needs a client certificate");
        }
        expect(it.server.stats().dialogs).toBe(1);
        call.send("BYE");
        await call.client.next((one) => one.kind === "response" && one.headers.get("CSeq")!.endsWith("BYE"));
        expect(it.server.stats().dialogs).toBe(0);
      },
      {
        identify: ({ transport, certificates }) =>
          transport !== "tls"
            ? { kind: "refused", reason: "TLS_REQUIRED", explanation: "over TLS", concerns: trunk }
            : certificates.length === 0
              ? { kind: "refused", reason: "CERTIFICATE_MISSING", explanation: "with a certificate", concerns: trunk }
              : { kind: "trunk", trunk },
      },
    );
  });

  test("requests of ours take the client's connection; when that is gone, another one is opened, to the client's own certificate alone", async () => {
    for (const [shown, says] of [[() => client, true], [() => ours, false]] as const) {
      await withTls(async (it) => {
        const came = Promise.withResolvers<string>();
        const back = createTlsServer({ cert: shown().pem, key: shown().keyPem, requestCert: true, rejectUnauthorized: false }, (socket) => socket.once("data", (chunk) => came.resolve(String(chunk))));
        await new Promise<void>((listening) => back.listen(0, "127.0.0.1", listening));
        const { port } = back.address() as { port: number };
        const call = await it.call("tls", { cert: client.pem, key: client.keyPem });
        const body = siprecBody();
        call.send("INVITE", { ...body, headers: [...body.headers!, ["Record-Route", `<sip:127.0.0.1:${port};transport=tls;lr>`]] });
        call.toTag = /tag=(.+)$/.exec((await call.client.response(200)).headers.get("To")!)![1]!;
        call.ack();
        await until(() => it.server.stats().requests["ACK"] === 1, "ACK");
        await call.client.close();
        await until(() => it.server.stats().transport.connections === 0, "connection gone");
        const stopped = it.server.close();
        if (says) expect(await came.promise).toMatch(new RegExp(`^BYE [^]*Via: SIP/2.0/TLS 127.0.0.1:${it.server.tlsAddress!.port};branch=`));
        else await until(() => it.server.stats().transport.sendErrors > 0, "refused");
        it.time.advance(2_000);
        await stopped;
        back.close();
      });
    }
  });

  test("with authorities configured, a client they vouch for is told, another is not", async () => {
    for (const [authority, says] of [[() => root, true], [() => client, false]] as const) {
      await withTls(
        async (it) => {
          const came = Promise.withResolvers<string>();
          const back = createTlsServer({ cert: ours.pem, key: ours.keyPem }, (socket) => socket.once("data", (chunk) => came.resolve(String(chunk))));
          await new Promise<void>((listening) => back.listen(0, "127.0.0.1", listening));
          const { port } = back.address() as { port: number };
          const call = await it.call("tls");
          const body = siprecBody();
          call.send("INVITE", { ...body, headers: [...body.headers!, ["Record-Route", `<sip:127.0.0.1:${port};transport=tls;lr>`]] });
          await call.client.response(200);
          await call.client.close();
          await until(() => it.server.stats().transport.connections === 0, "connection gone");
          it.time.advance(32_000); // no ACK: BYE
          if (says) expect(await came.promise).toMatch(/^BYE /);
          else await until(() => it.server.stats().transport.sendErrors > 0, "refused");
          back.close();
        },
        {},
        authority(),
      );
    }
  });
});

describe("renewing the certificate", () => {
  const shownBy = (it: TestServer): Promise<string> =>
    new Promise((done, fail) => {
      const socket: TLSSocket = connectTls({ port: it.server.tlsAddress!.port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
        done(socket.getPeerX509Certificate()!.subject);
        socket.destroy();
      });
      socket.on("error", fail);
    });
  /** Lets the server look at its files so many times. */
  async function look(it: TestServer, times: number): Promise<void> {
    for (let index = 0; index < times; index += 1) {
      it.time.advance(certificateLookMs);
      await new Promise((read) => setTimeout(read, 30));
    }
  }

  test("new files are taken without a restart, and running calls keep their connection", async () => {
    await withTls(async (it, files) => {
      const call = await it.call("tls");
      await call.establish();
      const renewed = await makeCertificate("renewed.example", root, { notAfter: new Date("2031-05-04") });
      await files.write(renewed.pem, renewed.keyPem);
      await look(it, 3);
      expect(await shownBy(it)).toBe("CN=renewed.example");
      expect(it.server.stats().tls).toEqual({ certificateExpiresAt: new Date("2031-05-04"), certificateReloads: 1, certificateProblem: null });
      call.send("BYE");
      await call.client.next((one) => one.kind === "response" && one.headers.get("CSeq")!.endsWith("BYE"));
    });
  });

  test.each([
    ["a key of another certificate", async () => [(await makeCertificate("x")).pem, (await makeCertificate("y")).keyPem], "is not that of the first certificate"],
    ["no certificate", async () => ["nothing", (await makeCertificate("y")).keyPem], "holds no certificate"],
    ["no key", async () => [(await makeCertificate("x")).pem, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"], "holds no private key"],
    ["one that has expired", async () => Object.values(await makeCertificate("old", null, { notAfter: new Date("2021-01-01") })).slice(0, 2) as string[], "expired at"],
  ])("%s: the old pair stays and it is said once; corrected, the new one is taken", async (_what, pair, problem) => {
    await withTls(async (it, files) => {
      const [certificate, key] = await pair();
      await files.write(certificate!, key!);
      await look(it, 5);
      expect(await shownBy(it)).toBe("CN=rec.example");
      expect(it.server.stats().tls!.certificateProblem).toContain(problem);
      expect(it.logged.filter((line) => line.includes("cannot be used"))).toHaveLength(1);
      expect(it.logged.join()).not.toContain("PRIVATE KEY");
      const right = await makeCertificate("right.example");
      await files.write(right.pem, right.keyPem);
      await look(it, 3);
      expect(await shownBy(it)).toBe("CN=right.example");
      expect(it.server.stats().tls!.certificateProblem).toBeNull();
    });
  });

  test("certificate first and key a while later is no mistake", async () => {
    await withTls(async (it, files) => {
      const renewed = await makeCertificate("renewed.example");
      await files.write(renewed.pem, ours.keyPem);
      await look(it, 1);
      await files.write(renewed.pem, renewed.keyPem);
      await look(it, 2);
      expect(await shownBy(it)).toBe("CN=renewed.example");
      expect(it.logged.filter((line) => line.includes("cannot be used"))).toEqual([]);
    });
  });

  test("a pair that cannot be used stops the start, and one that expires soon is told", async () => {
    await using files = await certificateFiles(ours);
    await files.write(ours.pem, client.keyPem);
    await expect(createTestServer({ tls: { port: 0, ...files } })).rejects.toThrow("is not that of the first certificate");
    await expect(createTestServer({ tls: { port: 0, ...files, keyPath: `${files.keyPath}.none` } })).rejects.toThrow("sip.key.none cannot be read");
    const soon = await makeCertificate("soon", null, { notAfter: new Date(Date.UTC(2026, 11, 1)) });
    await files.write(soon.pem, soon.keyPem);
    await using it = await createTestServer({ tls: { port: 0, ...files } });
    expect(it.logged.filter((line) => line.includes("expires soon"))).toHaveLength(1);
  });
});

describe("bad neighbors on the TLS port", () => {
  test("half a handshake is cut after five seconds, and costs nobody a place", async () => {
    await withTls(async (it) => {
      const half = Array.from({ length: 10 }, () => connect(it.server.tlsAddress!.port, "127.0.0.1"));
      await Promise.all(half.map((socket) => new Promise((connected) => socket.once("connect", connected))));
      // A record that is announced and comes one byte at a time.
      for (const socket of half.slice(0, 5)) socket.write(Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00));
      await until(() => it.server.stats().transport.connections === 10, "all here");
      const all = half.map(closed);
      for (let second = 0; second < 5; second += 1) {
        for (const socket of half.slice(0, 5)) socket.write(Uint8Array.of(1));
        it.time.advance(1_000);
      }
      await Promise.all(all);
      await until(() => it.server.stats().transport.connections === 0, "places free");
      expect(it.server.stats().transport.handshakesFailed).toBe(10);
      expect((await (await it.call("tls")).establish()).status).toBe(200);
    });
  });

  test.each([
    ["SIP in the clear", (port: number) => connect(port, "127.0.0.1", function (this: Socket) { this.write("OPTIONS sip:a SIP/2.0\r\n\r\n"); })],
    ["TLS 1.1", (port: number) => connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL@SECLEVEL=0" })],
    ["a cipher without authentication", (port: number) => connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false, maxVersion: "TLSv1.2", ciphers: "aNULL@SECLEVEL=0" })],
  ])("%s ends the connection", async (_what, open) => {
    await withTls(async (it) => {
      await closed(open(it.server.tlsAddress!.port));
      await until(() => it.server.stats().transport.connections === 0, "gone");
      expect(it.server.stats().transport.handshakesFailed).toBe(1);
      expect(it.server.stats().requests).toEqual({});
    });
  });

  test("renegotiation is refused", async () => {
    await withTls(async (it) => {
      const socket = connectTls({ port: it.server.tlsAddress!.port, host: "127.0.0.1", rejectUnauthorized: false, maxVersion: "TLSv1.2" });
      const end = new Promise<Error>((done) => socket.on("error", done));
      await new Promise<void>((secure) => socket.once("secureConnect", secure));
      socket.renegotiate({ rejectUnauthorized: false }, () => undefined);
      expect(await end).toMatchObject({ code: "ERR_SSL_NO_RENEGOTIATION" });
      socket.destroy();
      expect((await (await it.call("tls")).establish()).status).toBe(200);
    });
  });

  test("strangers' handshakes share one allowance; a trunk's go on", async () => {
    await withTls(
      async (it) => {
        let refused = 0;
        for (let index = 0; index < 8; index += 1) {
          const from = { port: it.server.tlsAddress!.port, host: "127.0.0.1", localAddress: `127.0.0.${2 + index}`, rejectUnauthorized: false };
          const socket = connectTls(from);
          await new Promise<void>((done) => {
            socket.once("secureConnect", done);
            socket.once("close", done);
            socket.on("error", () => (refused += 1));
          });
          socket.destroy();
        }
        expect(refused).toBe(5);
        expect((await (await it.call("tls")).establish()).status).toBe(200);
      },
      { ...byAddress((address) => (address === "127.0.0.1" ? trunk : null)), limits: { strangerHandshakes: { perSecond: 1, burst: 3 } } },
    );
  });

  test("closing the server does not wait for a handshake that never ends", async () => {
    await withTls(async (it) => {
      const half = connect(it.server.tlsAddress!.port, "127.0.0.1");
      await until(() => it.server.stats().transport.connections === 1, "here");
      const gone = closed(half);
      await it.server.close();
      await gone;
    });
  });
});

test("openssl s_client gets an answer over TLS 1.3 with its certificate", async () => {
  const { claims, identify } = watching();
  await withTls(
    async (it) => {
      await using files = await certificateFiles(client);
      const openssl = spawn("openssl", ["s_client", "-connect", `127.0.0.1:${it.server.tlsAddress!.port}`, "-quiet", "-tls1_3", "-cert", files.certificatePath, "-key", files.keyPath], { stdio: ["pipe", "pipe", "ignore"] });
      try {
        const answer = new Promise<string>((done) => {
          let text = "";
          openssl.stdout.on("data", (chunk: Buffer) => {
            text += String(chunk);
            if (text.includes("\r\n\r\n")) done(text);
          });
        });
        openssl.stdin.write("OPTIONS sip:srs@rec.example SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bKo\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: openssl\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n");
        expect(await answer).toMatch(/^SIP\/2\.0 200 OK\r\n/);
        expect(Buffer.from(claims[0]!.certificates[0]!).equals(client.der)).toBe(true);
      } finally {
        openssl.kill();
      }
    },
    { identify },
  );
});
