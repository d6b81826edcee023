export * from "./health.ts";
export * from "./interaction.ts";
export * from "./live.ts";
export * from "./play.ts";
export * from "./problem.ts";
export * from "./query.ts";
export * from "./session.ts";
