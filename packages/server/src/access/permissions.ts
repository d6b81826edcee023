/** What each role may do: the built-in profiles, the same in every tenant (USR-01 to USR-08). */
import { permissions, type Level, type Permission, type Role, type RoleInfo } from "@earwitness/contract";

export { permissions, roles, type Level, type Permission, type Role } from "@earwitness/contract";

interface RoleRights {
  readonly about: string;
  /** `groups`: own calls, and those of the groups that the person manages. */
  readonly level: Level;
  readonly permissions: readonly Permission[];
  readonly portal: boolean;
}

export const rolesGive: Readonly<Record<Role, RoleRights>> = {
  Admin: { about: "Full access: all calls of the tenant, and everything that is set up.", level: "all", permissions, portal: true },
  Supervisor: {
    about: "Own calls and those of the groups that the person manages.",
    level: "groups",
    permissions: ["interaction.list", "recording.listen", "interaction.tag", "interaction.note"],
    portal: true,
  },
  "User Self View": { about: "Own calls: see, play, add notes.", level: "own", permissions: ["interaction.list", "recording.listen", "interaction.note"], portal: true },
  User: { about: "Is recorded, and sees nothing. Meant for most people.", level: "none", permissions: [], portal: false },
  "API User": { about: "For a customer's developer: a program's key with the rights of an access profile. Opens no page.", level: "none", permissions: [], portal: false },
};

export function roleInfos(): RoleInfo[] {
  return Object.entries(rolesGive).map(([name, { about, level, permissions: given, portal }]) => ({ name: name as Role, about, level, permissions: [...given], portal }));
}
