export * from "./interaction.ts";
export * from "./live.ts";
export * from "./problem.ts";
export * from "./session.ts";
