export { checkInstallation, Interrupted, type CheckedInteraction, type CheckOptions, type CheckReport, type HowFar } from "./check-installation.ts";
export type { CheckedTenant, Checking } from "./checking.ts";
export { meanings, parts, verdictOf, type Finding, type FindingCode, type Part, type Verdict } from "./finding.ts";
export { createProgressFile, type ProgressFile } from "./progress-file.ts";
export { createSecondLook, type Patience } from "./second-look.ts";
