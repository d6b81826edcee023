import type { ConnectionOptions } from "node:tls";
import { createLog } from "#log";
import type { AnsweredInvitation, IdentifiedTrunk, TraceEntry } from "#trunks";
import { createFakeRecorder } from "./fake-recorder.ts";
import type { FakeRecorder } from "./fake-recorder.ts";
import { createManualTime } from "./manual-time.ts";
import type { ManualTime } from "./manual-time.ts";
import { createSiprecServer } from "./server.ts";
import type { SiprecServer, SiprecServerOptions } from "./server.ts";
import { createTestCall, createTestClient } from "./test-client.ts";
import type { TestCall, TestClient } from "./test-client.ts";

export const trunk: IdentifiedTrunk = { tenantId: "tenant", trunkId: "trunk", trunkName: "SBC", media: "any", digest: null };

/** Trunks known by address alone. */
export function byAddress(trunkOf: (address: string) => IdentifiedTrunk | null): Pick<SiprecServerOptions, "identify" | "isTrunkAddress"> {
  return {
    isTrunkAddress: (address) => trunkOf(address) !== null,
    identify({ remoteAddress }) {
      const found = trunkOf(remoteAddress);
      return found === null ? { kind: "refused", reason: "SOURCE_NOT_ALLOWED", explanation: `${remoteAddress} is nobody's`, concerns: null } : { kind: "trunk", trunk: found };
    },
  };
}

export type Kind = "udp" | "tcp" | "tls";

/** A server on loopback with a fake recorder and time that stands still, and clients that are closed with it. */
export interface TestServer extends AsyncDisposable {
  readonly server: SiprecServer;
  readonly recorder: FakeRecorder;
  readonly time: ManualTime;
  readonly logged: string[];
  /** What the page was told; traces grow as the dialog goes on. */
  readonly invitations: (AnsweredInvitation & { readonly trace: TraceEntry[] })[];
  client(kind?: Kind, from?: string, tls?: ConnectionOptions): Promise<TestClient>;
  /** A call of a client of its own. */
  call(kind?: Kind, tls?: ConnectionOptions): Promise<TestCall & { readonly client: TestClient }>;
}

export async function createTestServer(options: Partial<SiprecServerOptions> = {}): Promise<TestServer> {
  const recorder = createFakeRecorder();
  const time = createManualTime();
  const logged: string[] = [];
  const invitations: (AnsweredInvitation & { readonly trace: TraceEntry[] })[] = [];
  const clients: TestClient[] = [];
  const server = await createSiprecServer({
    host: "127.0.0.1",
    port: 0,
    recorder,
    tls: null,
    ...byAddress(() => trunk),
    invitations: {
      answered(invitation) {
        const trace = [...invitation.trace];
        invitations.push({ ...invitation, trace });
        return { continue: (entry) => void trace.push(entry) };
      },
    },
    log: createLog("info", { write: (line) => void logged.push(line) }),
    clock: time,
    timers: time,
    ...options,
  });
  async function client(kind: Kind = "udp", from?: string, tls?: ConnectionOptions): Promise<TestClient> {
    const created = await createTestClient(kind, (kind === "tls" ? server.tlsAddress! : server.address).port, from, tls);
    clients.push(created);
    return created;
  }
  return {
    server,
    recorder,
    time,
    logged,
    invitations,
    client,
    async call(kind = "udp", tls) {
      const own = await client(kind, undefined, tls);
      return Object.assign(createTestCall(own, kind), { client: own });
    },
    async [Symbol.asyncDispose]() {
      const closed = server.close();
      // Nobody answers the BYEs any more: let the wait for them pass.
      const passing = setInterval(() => time.advance(1_000), 5);
      await closed;
      clearInterval(passing);
      await Promise.all(clients.map((one) => one.close()));
    },
  };
}

/** Polls until it holds: what happens between sockets has no event to wait for. */
export async function until(holds: () => boolean, what: string, waitMs = 3_000): Promise<void> {
  const endMs = Date.now() + waitMs;
  while (!holds()) {
    if (Date.now() > endMs) throw new Error(`never happened: ${what}`);
    await new Promise((again) => setTimeout(again, 3));
  }
}
