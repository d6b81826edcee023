/** What may be allowed to someone. Whose interactions it holds for is the scope's question (principal.ts). */
export const permissions = [
  "interaction.list", // rows, details, live rows
  "interaction.note",
  "interaction.tag",
  "interaction.export",
  "recording.listen",
  "recording.download",
  "evidence.read",
  "evidence.export", // many at once, recordings included: a right of its own (core decision 17)
  "audit.read", // Audit Trail Access/Export (ACC-09)
  "metrics.read",
  "access.manage", // API keys and profiles
  "tenant.manage", // people, trunks, settings
] as const;

export type Permission = (typeof permissions)[number];

/** Of whose interactions. */
export type Reach = "all" | "own" | "none";

export interface Profile {
  readonly reach: Reach;
  readonly permissions: ReadonlySet<Permission>;
}

const nothing: Profile = { reach: "none", permissions: new Set() };

/** Built in; profiles that a tenant makes itself come with the access profile pages. */
const profiles: ReadonlyMap<string, Profile> = new Map([
  ["Global Admin", { reach: "all", permissions: new Set(permissions) }],
  ["Own Calls", { reach: "own", permissions: new Set<Permission>(["interaction.list", "interaction.note", "recording.listen"]) }],
]);

export const profileNames: readonly string[] = [...profiles.keys()];

/** A recorded person without a profile may see nothing, and neither may one whose profile does not exist (CON-07). */
export function profileOf(name: string | null): Profile {
  return (name === null ? undefined : profiles.get(name)) ?? nothing;
}
