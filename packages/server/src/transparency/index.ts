export { cosign, type Cosigning, type CosignOptions, type WitnessAddress } from "./cosign.ts";
