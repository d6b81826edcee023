/** Which way the media workers read UDP: in batches where that works, else with node:dgram. */
import { messageOf } from "#errors";
import type { Log } from "#log";
import { createBatchedSockets, type OpenDescriptors } from "./udp-batch.ts";
import { openDgramSocket, type OpenUdpSocket } from "./udp.ts";

export type UdpBackEnd = "batch" | "dgram";

/** `wanted`: null to take what works. Throws where what is asked for by name does not. */
export async function chooseUdp(wanted: UdpBackEnd | null, log: Log, open: () => Promise<OpenUdpSocket> = createBatchedSockets): Promise<UdpBackEnd> {
  if (wanted === "dgram") return "dgram";
  try {
    // Tried, not looked up: a container may forbid the calls that its system has.
    const socket = await (await open())("127.0.0.1", 0, () => undefined);
    await socket.close();
    return "batch";
  } catch (error) {
    if (wanted === "batch") throw new Error(`EARWITNESS_UDP is batch, but UDP cannot be read in batches here: ${messageOf(error)}`, { cause: error });
    log.warn({ err: messageOf(error) }, "UDP cannot be read in batches here; packets are read one by one with node:dgram, which takes about twice the processor time");
    return "dgram";
  }
}

export const udpSockets = async (backEnd: UdpBackEnd, open: OpenDescriptors): Promise<OpenUdpSocket> => (backEnd === "batch" ? createBatchedSockets(open) : openDgramSocket);
