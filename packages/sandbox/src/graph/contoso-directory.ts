import { contosoCare, contosoDomain, contosoPeople } from "../contoso.ts";
import { createGraphDirectory, type GraphDirectory } from "./directory.ts";

/** Ids of Contoso's groups, fixed like those of its people. */
export const contosoGroups = {
  everybody: "0d3a8b5e-6a0f-4a56-9d6e-1f5b1a3c7e01",
  /** Whose calls are recorded: the agents through their own group, which is in it, and the others by name. */
  recorded: "0d3a8b5e-6a0f-4a56-9d6e-1f5b1a3c7e02",
  care: "0d3a8b5e-6a0f-4a56-9d6e-1f5b1a3c7e03",
  sales: "0d3a8b5e-6a0f-4a56-9d6e-1f5b1a3c7e04",
  /** Who may look into recordings. */
  compliance: "0d3a8b5e-6a0f-4a56-9d6e-1f5b1a3c7e05",
} as const;

/** By their keys. */
const members: Readonly<Record<"sales" | "compliance", readonly string[]>> = { sales: ["adele", "alex", "isaiah"], compliance: ["admin", "joni"] };

/** Contoso as Microsoft 365 has it. */
export function createContosoDirectory(): GraphDirectory {
  const directory = createGraphDirectory();
  directory.putGroup({ id: contosoGroups.everybody, displayName: "All Company", mail: `allcompany@${contosoDomain}`, groupTypes: ["Unified"], securityEnabled: false });
  directory.putGroup({ id: contosoGroups.recorded, displayName: "Recorded Users" });
  directory.putGroup({ id: contosoGroups.care, displayName: "Contoso Care Agents" });
  directory.putGroup({ id: contosoGroups.sales, displayName: "Sales EU" });
  directory.putGroup({ id: contosoGroups.compliance, displayName: "Compliance" });
  directory.addMember(contosoGroups.recorded, contosoGroups.care);
  directory.addMember(contosoGroups.recorded, contosoGroups.sales);
  for (const person of contosoPeople) {
    const { personId: id, upn, displayName, givenName, familyName: surname, job: jobTitle, number } = person;
    directory.putUser({ id, userPrincipalName: upn, displayName, givenName, surname, mail: upn, jobTitle, businessPhones: [number], preferredLanguage: "en-US" });
    directory.addMember(contosoGroups.everybody, id);
    if (members.sales.includes(person.key)) directory.addMember(contosoGroups.sales, id);
    if (members.compliance.includes(person.key)) directory.addMember(contosoGroups.compliance, id);
    if (contosoCare.agents.includes(person.key)) directory.addMember(contosoGroups.care, id);
    else if (person.recorded && !members.sales.includes(person.key)) directory.addMember(contosoGroups.recorded, id);
  }
  return directory;
}
