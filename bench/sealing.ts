import { randomBytes } from "node:crypto";
import { createSealingKey, type MintedKey } from "../packages/server/src/vault/envelope.ts";
import { sideBySide } from "./side-by-side.ts";

/* Why chunks are seconds and not packets: the same second of one G.711 track, sealed whole or packet by packet. */

const mint = (): MintedKey => ({ origin: "minted", keyId: randomBytes(4).toString("hex"), bytes: randomBytes(32) });
const position = Buffer.from("tenant recording 1 42");
const second = randomBytes(8000 + 50 * 7);
const packets = Array.from({ length: 50 }, () => randomBytes(167));
const [whole, each] = [createSealingKey(mint(), "vault"), createSealingKey(mint(), "vault")];

sideBySide("Sealing a second of one track", {
  "as one chunk": () => void whole.seal(second, position),
  "packet by packet": () => packets.forEach((packet) => void each.seal(packet, position)),
});
