export { cosign, type Cosigning, type CosignOptions, type WitnessAddress } from "./cosign.ts";
export { createCheckpointKeeper, type AfterKept, type CheckpointKeeper } from "./checkpoint-keeper.ts";
export { describeCheckpoint, readLogState } from "./log-state.ts";
export { transparencyRoutes, type TransparencyOptions } from "./routes.ts";
