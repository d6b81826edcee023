import { udpContract } from "./udp-contract.ts";
import { openDgramSocket } from "./udp.ts";

udpContract("node:dgram", async () => openDgramSocket);
