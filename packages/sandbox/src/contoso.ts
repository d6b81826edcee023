import type { VoiceName } from "./speech/voices.ts";

/**
 * Contoso, the organization that everyone without a tenant works in. Names follow the demonstration tenants of Microsoft 365;
 * numbers are from the range 555-01xx that is kept for fiction, and contoso.example can belong to no one (RFC 2606).
 * The ids are fixed so that a restart finds the same people again; they protect nothing.
 */

export const contosoDomain = "contoso.example";

export const contosoTenant = {
  tenantId: "47eaa099-2cb6-416d-86dc-283cf0480ff9",
  slug: "contoso",
  displayName: "Contoso",
  m365TenantId: "1509bb0a-9bf1-4331-8a11-8783593942a4",
} as const;

/** The app by which Earwitness reads Contoso's directory. It opens nothing but made-up people on this machine. */
export const contosoApp = {
  clientId: "c5b5ad1e-4f0e-4d38-8d0c-6b0a6e0f3d11",
  clientSecret: "made-up-secret-of-the-sandbox",
  permissions: ["User.Read.All", "GroupMember.Read.All"],
} as const;

/** With which Contoso's own administrators change who is in a group, from outside; nothing of Earwitness uses it. */
export const contosoItApp = {
  clientId: "c5b5ad1e-4f0e-4d38-8d0c-6b0a6e0f3d12",
  clientSecret: "made-up-secret-of-contosos-it",
  permissions: ["GroupMember.ReadWrite.All"],
} as const;

/** What a person may do in the portal; User: is recorded, may not enter. */
export type Role = "Admin" | "Supervisor" | "User Self View" | "User";

export interface ContosoPerson {
  readonly kind: "person";
  readonly key: string;
  readonly personId: string;
  readonly upn: string;
  readonly displayName: string;
  readonly givenName: string;
  readonly familyName: string;
  /** What the sign-in page says the person does. */
  readonly job: string;
  readonly role: Role;
  readonly recorded: boolean;
  /** E.164. */
  readonly number: string;
  readonly extension: string;
  readonly voice: VoiceName;
}

/** Somebody outside Contoso who calls or is called over the telephone network. */
export interface OutsideCaller {
  readonly kind: "outside";
  readonly key: string;
  /** What the caller id says; many callers have none. */
  readonly displayName: string | null;
  readonly number: string;
  readonly voice: VoiceName;
}

/** The number that a contact-centre queue answers. */
export interface ContosoQueue {
  readonly kind: "queue";
  readonly key: string;
  readonly displayName: string;
  readonly number: string;
  readonly voice: VoiceName;
  /** Keys of the agents, in the order they are tried. */
  readonly agents: readonly string[];
}

export type Contact = ContosoPerson | OutsideCaller | ContosoQueue;

const person = (
  key: string,
  personId: string,
  givenName: string,
  familyName: string,
  mailbox: string,
  extension: string,
  job: string,
  role: Role,
  voice: VoiceName,
): ContosoPerson => ({
  kind: "person",
  key,
  personId,
  upn: `${mailbox}@${contosoDomain}`,
  displayName: `${givenName} ${familyName}`,
  givenName,
  familyName,
  job,
  role,
  recorded: role !== "Admin",
  number: `+17325550${extension}`,
  extension,
  voice,
});

export const contosoPeople: readonly ContosoPerson[] = [
  person("admin", "f5ec52ed-0108-4475-92e1-bc7656670b14", "MOD", "Administrator", "admin", "100", "Administrator of Contoso", "Admin", "basil"),
  person("adele", "59ba1b0d-5c90-4158-a909-406c2e416788", "Adele", "Vance", "adelev", "101", "Retail manager", "User Self View", "clara"),
  person("alex", "5d32fe61-985f-44e7-aa09-5ee82bb29976", "Alex", "Wilber", "alexw", "102", "Marketing assistant", "User Self View", "dorian"),
  person("diego", "9a1e40b4-5815-4a99-99e2-d15364c7a500", "Diego", "Siciliani", "diegos", "103", "Care agent, Contoso Care", "User Self View", "emil"),
  person("grady", "68b4aef7-3eaa-4e17-9d8a-4eace693ae2d", "Grady", "Archie", "gradya", "104", "Designer", "User Self View", "felix"),
  person("henrietta", "142c8364-7806-4577-93e7-83e7eb04b39b", "Henrietta", "Mueller", "henriettam", "105", "Care agent, Contoso Care", "User Self View", "greta"),
  person("isaiah", "3b041641-1788-44f2-a60d-f25453fe2e85", "Isaiah", "Langer", "isaiahl", "106", "Sales representative", "User Self View", "hugo"),
  person("johanna", "00a154d8-5ed8-4bcc-b5c7-19c2add9ca88", "Johanna", "Lorenz", "johannal", "107", "Senior engineer", "User Self View", "iris"),
  person("joni", "c0290103-855d-4f55-99ec-8712e8e3574f", "Joni", "Sherman", "jonis", "108", "Paralegal, compliance officer", "User Self View", "juna"),
  person("lynne", "6e704245-a4ff-41e3-a794-9b80dcb0b82e", "Lynne", "Robbins", "lynner", "109", "Planner", "User Self View", "kira"),
  person("megan", "de1b1471-320a-48ea-b7a7-88d106762832", "Megan", "Bowen", "meganb", "110", "Care team lead, Contoso Care", "User Self View", "lena"),
  person("nestor", "4350cc17-21e5-4f21-acd5-52a09ddbef12", "Nestor", "Wilke", "nestorw", "111", "Director of operations, supervises Sales EU", "Supervisor", "milo"),
  person("pradeep", "9ed89edd-d684-4325-b600-e6129ec04ece", "Pradeep", "Gupta", "pradeepg", "112", "Accountant", "User", "nico"),
];

const outside = (key: string, displayName: string | null, number: string, voice: VoiceName): OutsideCaller => ({ kind: "outside", key, displayName, number, voice });

export const outsideCallers: readonly OutsideCaller[] = [
  outside("debra", "Debra Berger", "+12065550142", "opal"),
  outside("lee", "Lee Gu", "+12065550167", "piet"),
  outside("miriam", "Miriam Graham", "+13605550118", "rhea"),
  outside("patti", "Patti Fernandez", "+14255550133", "sela"),
  outside("brian", "Brian Johnson", "+15095550109", "theo"),
  outside("withheld", null, "+15035550174", "udo"),
];

export const contosoCare: ContosoQueue = {
  kind: "queue",
  key: "care",
  displayName: "Contoso Care",
  number: "+17325550190",
  voice: "vera",
  agents: ["diego", "henrietta", "megan"],
};

export const contacts: readonly Contact[] = [...contosoPeople, ...outsideCallers, contosoCare];

/** The address of record that the sandbox's SBC puts into the recording metadata. */
export function addressOf(contact: Contact): string {
  switch (contact.kind) {
    case "person":
      return `sip:${contact.upn}`;
    case "queue":
      return `sip:care@${contosoDomain}`;
    case "outside":
      return `tel:${contact.number}`;
  }
}

/** Finds a contact by key, name, UPN, extension or number, however it is spelled; undefined where nobody fits. */
export function findContact(asked: string): Contact | undefined {
  const wanted = asked.trim().toLowerCase().replace(/^(sip|tel):/, "");
  const digits = wanted.replace(/[\s().-]/g, "");
  return contacts.find((contact) => {
    const names = [contact.key, contact.displayName?.toLowerCase(), contact.number, contact.number.slice(1), contact.number.slice(2)];
    if (contact.kind === "person") names.push(contact.upn, contact.upn.split("@")[0], contact.extension, contact.givenName.toLowerCase(), contact.familyName.toLowerCase());
    if (contact.kind === "queue") names.push("queue", `care@${contosoDomain}`);
    return names.includes(wanted) || names.includes(digits);
  });
}
