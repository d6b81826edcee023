import { writeFileSync } from "node:fs";
import { basename } from "node:path";
import { pathToFileURL } from "node:url";
import { contosoApp, contosoDomain, contosoPeople, contosoTenant, type Role } from "./contoso.ts";
import { contosoGroups } from "./graph/contoso-directory.ts";

/** What a server must know of a tenant before its first call; the server reads it from the file named by EARWITNESS_PROVISION_FILE. */
export interface Provision {
  readonly tenants: readonly {
    readonly tenantId: string;
    readonly slug: string;
    readonly displayName: string;
    readonly m365TenantId: string;
    readonly sandbox: boolean;
    readonly keepOriginal: boolean;
    readonly people: readonly {
      readonly personId: string;
      readonly upn: string;
      readonly displayName: string;
      readonly givenName: string;
      readonly familyName: string;
      readonly role: Role;
      readonly managedGroups?: readonly string[];
      readonly recorded: boolean;
      readonly addresses: readonly string[];
    }[];
    readonly trunks: readonly {
      readonly trunkId: string;
      readonly name: string;
      readonly sourceNetworks: readonly string[];
      readonly personDomains: readonly string[];
      readonly recordAll: boolean;
      /** User part of its recording address; left out: the server makes one. */
      readonly recordingUser?: string;
      /** Its calls are made up. */
      readonly sandbox: boolean;
    }[];
    readonly groups: readonly { readonly groupId: string; readonly name: string }[];
    readonly accessProfiles: readonly { readonly accessProfileId: string; readonly name: string; readonly description: string; readonly level: "all"; readonly permissions: readonly string[]; readonly groups: readonly string[] }[];
    readonly directory?: {
      readonly clientId: string;
      readonly clientSecretFile: string;
      readonly recordsNew: boolean;
      readonly groups: readonly { readonly objectId: string; readonly name: string }[];
    };
  }[];
}

/** Where the sandbox's SBC sends from, so that the server can tell its calls from those of a foreign client on the same machine. */
export const sbcAddress = "127.0.0.2";
/** The user part of the recording address that its trunk has; what comes from elsewhere is not let in by it. */
export const sbcRecordingUser = "contosophones";

/** With its directory where the app's secret lies in a file of this name, beside the provision file. */
export function provision(secretFile?: string): Provision {
  return {
    tenants: [
      {
        ...contosoTenant,
        sandbox: true,
        keepOriginal: true,
        // Who is in them the directory says.
        groups: [
          { groupId: contosoGroups.sales, name: "Sales EU" },
          { groupId: contosoGroups.compliance, name: "Compliance" },
        ],
        accessProfiles: [
          {
            accessProfileId: "5c0de2a7-2f10-4c3b-9d5e-0b8a64f1c201",
            name: "Compliance officers",
            description: "See, play and export every call, and read the audit trail",
            level: "all",
            permissions: ["audit.read", "evidence.export", "evidence.read", "interaction.export", "interaction.note", "interaction.tag", "recording.download", "recording.listen"],
            groups: [contosoGroups.compliance],
          },
        ],
        people: contosoPeople.map((person) => ({
          personId: person.personId,
          upn: person.upn,
          displayName: person.displayName,
          givenName: person.givenName,
          familyName: person.familyName,
          role: person.role,
          ...(person.role === "Supervisor" ? { managedGroups: [contosoGroups.sales] } : {}),
          recorded: person.recorded,
          addresses: [`sip:${person.upn}`, person.number],
        })),
        trunks: [
          {
            trunkId: "627bf322-5fac-4cb6-a34a-cb115ee347dd",
            name: "Contoso SBC (sandbox phones)",
            sourceNetworks: [`${sbcAddress}/32`],
            personDomains: [contosoDomain],
            recordAll: false,
            recordingUser: sbcRecordingUser,
            sandbox: true,
          },
          {
            // Whoever tries the recorder with a client of their own (sipp, a real SBC on this machine) comes in here.
            trunkId: "a930d55d-9545-40f3-ae88-9fe46f2c7a8c",
            name: "Sandbox loopback",
            sourceNetworks: ["127.0.0.0/8", "::1/128"],
            personDomains: [contosoDomain],
            recordAll: true,
            sandbox: false,
          },
        ],
        ...(secretFile === undefined
          ? {}
          : {
              directory: {
                clientId: contosoApp.clientId,
                clientSecretFile: secretFile,
                recordsNew: true,
                groups: [
                  { objectId: contosoGroups.recorded, name: "Recorded Users" },
                  { objectId: contosoGroups.sales, name: "Sales EU" },
                  { objectId: contosoGroups.compliance, name: "Compliance" },
                ],
              },
            }),
      },
    ],
  };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [path, secretPath] = process.argv.slice(2);
  const text = `${JSON.stringify(provision(secretPath === undefined ? undefined : basename(secretPath)), null, 2)}\n`;
  if (secretPath !== undefined) writeFileSync(secretPath, contosoApp.clientSecret, { mode: 0o600 });
  if (path === undefined) process.stdout.write(text);
  else writeFileSync(path, text);
}
