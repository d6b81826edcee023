export { contestedNetworks, matchTrunk, type KnownTrunks, type TrunkMatch } from "./match-trunk.ts";
