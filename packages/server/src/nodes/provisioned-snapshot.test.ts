import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { digestHa1 } from "@earwitness/media";
import { parseProvision } from "#tenants";
import { snapshotOf } from "./provisioned-snapshot.ts";

test("without the database a provisioned trunk asks for the password of its file, which stands nowhere in the snapshot", async () => {
  const folder = mkdtempSync(join(tmpdir(), "earwitness-provisioned-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const password = "kP7wq2Zt9vRmX4hsLdYb3QeN";
  writeFileSync(join(folder, "berlin.txt"), `${password}\n`);
  const trunk = (name: string, more: object) => ({ trunkId: randomUUID(), name, sourceNetworks: ["192.0.2.0/24"], ...more });
  const file = { tenants: [{ tenantId: randomUUID(), slug: "bank", displayName: "Bank", trunks: [trunk("Berlin", { recordingUser: "berlin1234", passwordFile: "berlin.txt" }), trunk("Open", {})] }] };
  const snapshot = await snapshotOf(parseProvision(JSON.stringify(file), folder), "rules/1", async () => ({ publicKey: new Uint8Array(32), publicKeyId: "k" }));
  const digests = Object.fromEntries(snapshot.tenants[0]!.trunks.map(({ name, digest }) => [name, digest]));
  expect(digests).toEqual({
    Berlin: { username: "berlin1234", realm: "earwitness", ha1Md5: digestHa1("MD5", "berlin1234", "earwitness", password), ha1Sha256: digestHa1("SHA-256", "berlin1234", "earwitness", password) },
    Open: null,
  });
  expect(JSON.stringify(snapshot)).not.toContain(password);
});
