export { cosign, type Cosigning, type WitnessAddress } from "./cosign.ts";
export { createCheckpointKeeper, type AfterKept, type CheckpointKeeper } from "./checkpoint-keeper.ts";
export { createOutsideSigning, type OutsideSigning, type SignerState } from "./outside-signing.ts";
export { createTimestampSigner, trustedRoots, type TimestampAuthority } from "./timestamp-signer.ts";
export { createWitnessSigner } from "./witness-signer.ts";
export { describeCheckpoint, readLogState } from "./log-state.ts";
export { transparencyRoutes, type TransparencyOptions } from "./routes.ts";
