import { Command } from "commander";
import type { Checkpoint, LogState, Trunk } from "@earwitness/contract";
import type { AdministratorEnrolled, AdministratorRequest, ApiKeyCreated, ApiKeyInfo, ApiKeyRequest, LogKeyChanged, LogKeyRequest, NetworkRequest, ResumeRequest, Status, TenantInfo, TenantRequest, TrunkRequest } from "@earwitness/contract/control";
import { addBackupCommands } from "./backup.ts";
import type { ControlClient } from "./control-client.ts";
import { Failure } from "./control-client.ts";
import { addExport } from "./export.ts";
import { addFsck } from "./fsck.ts";
import { addKeys } from "./keys.ts";
import { table } from "./table.ts";
import { addVerify } from "./verify.ts";
import { witness } from "./witness.ts";

/** The `earwitness` command. `print` gets the lines that are its result, `note` what happens on the way. */
export function createProgram(server: ControlClient, dataDir: string, print: (line: string) => void, note: (line: string) => void): Command {
  const program = new Command("earwitness")
    .description("Operate the Earwitness server of this machine.")
    .exitOverride()
    .showHelpAfterError("(earwitness --help shows the commands)")
    .addHelpText("after", "\nThe server is found by its data directory: EARWITNESS_DATA_DIR, else /var/lib/earwitness as root, else data/ of the checkout.\nExit codes: 0 done; 1 refused, failed or no server; 2 wrong usage.");

  const tenantOption = ["--tenant <slug>", "short name of the tenant"] as const;
  const keys = program.command("api-key").description("Keys for programs that use the API.");

  keys
    .command("create")
    .description("Make a key and print it, this once.")
    .requiredOption(...tenantOption)
    .requiredOption("--profile <name>", "access profile whose rights the key has, such as “Admin”")
    .option("--name <text>", "what the key is for", "Made on the command line")
    .action(async (options: ApiKeyRequest) => {
      const { tenant, profile, name } = options;
      print((await server.call<ApiKeyCreated>("POST", "/api-keys", { tenant, profile, name } satisfies ApiKeyRequest)).key);
    });

  keys
    .command("list")
    .description("List a tenant's keys.")
    .requiredOption(...tenantOption)
    .option("--json", "as JSON")
    .action(async ({ tenant, json }: { tenant: string; json?: true }) => {
      const found = await server.call<ApiKeyInfo[]>("GET", `/tenants/${encodeURIComponent(tenant)}/api-keys`);
      if (json) return print(JSON.stringify(found, null, 2));
      print(table(["ID", "NAME", "PROFILE", "CREATED", "LAST USED", "REVOKED"], found.map((key) => [key.apiKeyId, key.name, key.profile, key.createdAt, key.lastUsedAt ?? "never", key.revokedAt ?? ""])));
    });

  keys
    .command("revoke")
    .description("Revoke a key: its next request is refused, its live streams end within 5 seconds.")
    .argument("<id>", "id of the key, as list shows it")
    .requiredOption(...tenantOption)
    .action(async (id: string, { tenant }: { tenant: string }) => {
      await server.call("POST", `/tenants/${encodeURIComponent(tenant)}/api-keys/${encodeURIComponent(id)}/revoke`);
    });

  const tenants = program.command("tenant").description("Customers of this installation.");

  tenants
    .command("create")
    .description("Make a tenant and print its id.")
    .requiredOption("--slug <slug>", "short name, in lower-case letters, digits and hyphens")
    .requiredOption("--name <text>", "name as people read it")
    .option("--m365-tenant-id <uuid>", "directory (tenant) id at Microsoft 365, by which its people are told apart at sign-in")
    .action(async ({ slug, name, m365TenantId }: TenantRequest) => {
      const wanted: TenantRequest = { slug, name, ...(m365TenantId === undefined ? {} : { m365TenantId }) };
      print((await server.call<TenantInfo>("POST", "/tenants", wanted)).tenantId);
    });

  tenants
    .command("list")
    .description("List all tenants.")
    .option("--json", "as JSON")
    .action(async ({ json }: { json?: true }) => {
      const found = await server.call<TenantInfo[]>("GET", "/tenants");
      if (json) return print(JSON.stringify(found, null, 2));
      print(table(["SLUG", "NAME", "ID", "M365 TENANT"], found.map((tenant) => [tenant.slug, tenant.name, tenant.tenantId, tenant.m365TenantId ?? ""])));
    });

  program
    .command("admin")
    .description("Administrators of a tenant: the way in where nobody can sign in yet, or the identity provider is away.")
    .command("enroll")
    .description("Print a link by which an administrator sets up an account with a password and one-time codes. It works once, for three days; it stands in the tenant's log, and health says so until it is used or over.")
    .argument("<upn>", "user principal name, such as ana@bank.example; whoever is not there yet is made, with every right")
    .requiredOption(...tenantOption)
    .option("--name <text>", "name of whoever is made")
    .action(async (upn: string, { tenant, name }: { tenant: string; name?: string }) => {
      const wanted: AdministratorRequest = { upn, ...(name === undefined ? {} : { name }) };
      const { url, expiresAt } = await server.call<AdministratorEnrolled>("POST", `/tenants/${encodeURIComponent(tenant)}/administrators`, wanted);
      print(url);
      print(`The link works once, until ${expiresAt}. Hand it over by a way that only they read.`);
    });

  const trunks = program.command("trunk").description("Session border controllers that calls come from; everything beyond this is set in the portal.");
  const trunksOf = (tenant: string): string => `/tenants/${encodeURIComponent(tenant)}/trunks`;

  async function findTrunk(tenant: string, wanted: string): Promise<Trunk> {
    const all = await server.call<Trunk[]>("GET", trunksOf(tenant));
    const found = all.find(({ id, settings }) => id === wanted || settings.name === wanted) ?? all.find(({ settings }) => settings.name.toLowerCase() === wanted.toLowerCase());
    if (found !== undefined) return found;
    const names = all.map(({ settings }) => settings.name).join(", ");
    throw new Failure(`there is no trunk “${wanted}”; ${names === "" ? "there is none yet" : `there is ${names}`}`);
  }

  trunks
    .command("create")
    .description("Make a trunk and print the addresses to configure in its client.")
    .requiredOption(...tenantOption)
    .requiredOption("--name <text>", "name, unique among the tenant's trunks")
    .option("--network <network...>", "addresses or networks that may send, such as 192.0.2.7 or 192.0.2.0/24", [])
    .action(async ({ tenant, name, network }: { tenant: string; name: string; network: string[] }) => {
      const made = await server.call<Trunk>("POST", trunksOf(tenant), { name, networks: network } satisfies TrunkRequest);
      for (const address of made.addresses) print(address);
    });

  trunks
    .command("list")
    .description("List a tenant's trunks.")
    .requiredOption(...tenantOption)
    .option("--json", "as JSON")
    .action(async ({ tenant, json }: { tenant: string; json?: true }) => {
      const found = await server.call<Trunk[]>("GET", trunksOf(tenant));
      if (json) return print(JSON.stringify(found, null, 2));
      print(table(["NAME", "STATE", "NETWORKS", "LAST INVITATION"], found.map(({ settings, lastInvitation }) => [settings.name, settings.enabled ? "on" : "off", settings.sourceNetworks.join(", "), lastInvitation === null ? "none yet" : `${lastInvitation.outcome} ${lastInvitation.at}`])));
    });

  trunks
    .command("show")
    .description("Show a trunk: what to configure in its client, and what came of it last.")
    .argument("<trunk>", "its name or id")
    .requiredOption(...tenantOption)
    .option("--json", "as JSON")
    .action(async (wanted: string, { tenant, json }: { tenant: string; json?: true }) => {
      const trunk = await findTrunk(tenant, wanted);
      if (json) return print(JSON.stringify(trunk, null, 2));
      const { settings, addresses, digest, lastInvitation, certificateProblems } = trunk;
      const lines = [
        ["Trunk", `${settings.name} (${trunk.id})${settings.enabled ? "" : ", switched off"}`],
        ...addresses.map((address) => ["Send to", address]),
        ["Allowed from", settings.sourceNetworks.join(", ") || "nowhere yet"],
        ["Transport", settings.transport === "tls" ? "TLS only" : "any"],
        ["Media", settings.media === "srtp" ? "SRTP only" : "any"],
        ["Password", digest === null ? "not asked for" : `of user ${digest.username}`],
        ["Last", lastInvitation === null ? "nothing came yet" : `${lastInvitation.at} ${lastInvitation.outcome}: ${lastInvitation.explanation}`],
        ...certificateProblems.map((problem) => ["Certificate", problem]),
      ];
      print(table(lines[0]!, lines.slice(1)));
    });

  trunks
    .command("allow")
    .description("Let an address or a network send for a trunk, and print all that may.")
    .argument("<trunk>", "its name or id")
    .argument("<network>", "such as 192.0.2.7 or 192.0.2.0/24")
    .requiredOption(...tenantOption)
    .action(async (wanted: string, network: string, { tenant }: { tenant: string }) => {
      const { id } = await findTrunk(tenant, wanted);
      const changed = await server.call<Trunk>("POST", `${trunksOf(tenant)}/${id}/networks`, { network } satisfies NetworkRequest);
      print(changed.settings.sourceNetworks.join(", "));
    });

  const logs = program.command("log").description("The signed log of a tenant's evidence.");
  const logOf = (tenant: string): string => `/tenants/${encodeURIComponent(tenant)}/log`;

  logs
    .command("show")
    .description("How far the log is, the keys to check it with, and why it is stopped, if it is.")
    .requiredOption(...tenantOption)
    .option("--json", "as JSON")
    .action(async ({ tenant, json }: { tenant: string; json?: true }) => {
      const state = await server.call<LogState>("GET", logOf(tenant));
      if (json) return print(JSON.stringify(state, null, 2));
      const { origin, size, waiting, keys, checkpoint, stopped } = state;
      const lines = [
        ["Log", origin ?? "none yet: it begins with the tenant's first row of evidence"],
        ["Rows", `${size}, ${waiting.rows} waiting`],
        ...keys.map(({ vkey, retiredAt }) => [retiredAt === null ? "Key" : `Key until ${retiredAt}`, vkey]),
        ["Checkpoint", checkpoint === null ? "none yet" : `of ${checkpoint.size} rows, kept ${checkpoint.keptAt}${checkpoint.cosignatures.length === 0 ? "" : `, cosigned by ${checkpoint.cosignatures.join(", ")}`}`],
        ...(stopped === null ? [] : [["Stopped", stopped]]),
      ];
      print(table(lines[0]!, lines.slice(1)));
    });

  logs
    .command("checkpoint")
    .description("Keep a checkpoint that covers everything until now, and print it.")
    .requiredOption(...tenantOption)
    .action(async ({ tenant }: { tenant: string }) => print((await server.call<Checkpoint>("POST", `${logOf(tenant)}/checkpoints`)).note.replace(/\n$/, "")));

  logs
    .command("resume")
    .description("Let a log go on that was stopped because the database is not the one that was signed last, such as after restoring a backup.")
    .requiredOption(...tenantOption)
    .requiredOption("--reason <text>", "why; it stays in the evidence, with what was signed and what the database has")
    .action(async ({ tenant, reason }: { tenant: string; reason: string }) => {
      await server.call("POST", `${logOf(tenant)}/resume`, { reason } satisfies ResumeRequest);
    });

  logs
    .command("rotate-key")
    .description("Give a log a new key, with a hand-over that the old and the new one sign, and print the new public key. Witnesses and verifiers have to be told; docs/operate/keys.md.")
    .requiredOption(...tenantOption)
    .requiredOption("--reason <text>", "why; it stays in the evidence")
    .option("--without-old-key", "the old key is lost, and not in escrow: no hand-over, and an alarm")
    .action(async ({ tenant, reason, withoutOldKey }: { tenant: string; reason: string; withoutOldKey?: true }) => {
      print((await server.call<LogKeyChanged>("POST", `${logOf(tenant)}/keys`, { reason, oldKeyIsLost: withoutOldKey === true } satisfies LogKeyRequest)).vkey);
    });

  addKeys(program, server, dataDir, note);

  program
    .command("status")
    .description("Is the server ready to record? Exit code 1 when it is not.")
    .option("--json", "as JSON")
    .action(async ({ json }: { json?: true }) => {
      const status = await server.call<Status>("GET", "/status");
      if (json) print(JSON.stringify(status, null, 2));
      else {
        print(`${status.ready ? "Ready to record" : "Not ready to record"}: node ${status.nodeId}, version ${status.version}, ${status.runningCalls} running ${status.runningCalls === 1 ? "call" : "calls"}`);
        for (const reason of status.reasons) print(`  ${reason}`);
        for (const warning of status.warnings) print(`  Warning: ${warning}`);
        print(table(["NODE", "ROLES", "VERSION", "STARTED", "SEEN"], status.nodes.map((node) => [node.nodeId, node.roles.join(","), node.version, node.startedAt, node.seenAt])));
      }
      if (!status.ready) throw new Failure("the server is not ready to record");
    });

  program
    .command("witness")
    .description("A witness of logs, here or on another machine: cosigns heads that continue what it saw. Needs no server; witness --help shows its own commands.")
    .argument("[arguments...]")
    .helpOption(false)
    .allowUnknownOption()
    .action(async (given: string[]) => await witness(given, print));

  addVerify(program, print);
  addFsck(program, { server, dataDir, print });
  addExport(program, print);
  addBackupCommands(program, { server, dataDir, print, note });

  return program;
}
