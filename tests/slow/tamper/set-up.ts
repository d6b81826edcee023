/** People, groups, trunks, keys and sessions of a tenant, each as the portal sets it up: with its one row of evidence. */
import type { PersonSettings } from "@earwitness/contract";
import { createApiKeys, createSessions } from "../../../packages/server/src/access/index.ts";
import { systemClock } from "../../../packages/server/src/clock/index.ts";
import type { Db } from "../../../packages/server/src/db/index.ts";
import { commandLine } from "../../../packages/server/src/evidence/index.ts";
import { createGroupStore } from "../../../packages/server/src/people/group-store.ts";
import { createPersonStore } from "../../../packages/server/src/people/person-store.ts";
import { newTrunk } from "../../../packages/server/src/tenants/index.ts";
import { createTrunkStore } from "../../../packages/server/src/trunks/index.ts";

export async function setUp(db: Db, tenantId: string, nodeId: string): Promise<void> {
  const options = { db, clock: systemClock, nodeId, announce: () => undefined };
  const [people, groups, trunks, apiKeys, sessions] = [createPersonStore(options), createGroupStore(options), createTrunkStore({ ...options, addressesOf: () => [] }), createApiKeys(options), createSessions(options)];
  const act = { tenantId, by: commandLine, mayGiveAccess: true };
  const person = (name: string, more: Partial<PersonSettings>): PersonSettings => ({ displayName: name, upn: `${name}@contoso.example`, givenName: name, familyName: null, role: "User", recorded: true, addresses: [`sip:${name}@contoso.example`], extensions: [], groupIds: [], managedGroupIds: [], ...more });

  const [traders, gone] = [await groups.create(act, { name: "Traders" }), await groups.create(act, { name: "Gone" })];
  const adele = await people.create(act, person("adele", { role: "User Self View", extensions: ["4711", "123"], groupIds: [traders.id, gone.id] }));
  await people.create(act, person("megan", { addresses: ["+49301", "+49302"], groupIds: [traders.id] }));
  await people.remove(act, (await people.create(act, person("leaver", {}))).id);
  await groups.remove(act, gone.id);
  await groups.rename(act, traders.id, { name: "Sales" });
  const berlin = await trunks.create(act, { ...newTrunk("Berlin", ["192.0.2.0/28"]), personDomains: ["contoso.example"], numbers: { countryCode: "49", internationalPrefix: "00", nationalPrefix: "0", rewrites: [{ match: "^9(.*)$", replace: "$1" }] } });
  await trunks.setDigest(act, berlin.id);
  await trunks.create(act, newTrunk("Bonn", ["192.0.2.32/28"]));
  await apiKeys.create(tenantId, { name: "bot", profile: "Admin" }, commandLine);
  await apiKeys.revoke(tenantId, (await apiKeys.create(tenantId, { name: "old", profile: "API User" }, commandLine)).apiKeyId, commandLine);
  const from = { remoteAddress: "192.0.2.1" };
  await sessions.create(tenantId, adele.id, from);
  await sessions.end((await sessions.create(tenantId, adele.id, from))!.cookie, from);
}
