export { decide, ruleVersion, type Decision, type PolicyParty, type PolicyTrunk } from "./decide.ts";
