import { createSocket } from "node:dgram";
import { sbcAddress } from "../provision.ts";

/** The address the sandbox's SBC sends from: its own where the machine lets it, else plain loopback (macOS knows only 127.0.0.1). */
export async function findLocalAddress(): Promise<string> {
  return await new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.once("error", () => {
      socket.close();
      resolve("127.0.0.1");
    });
    socket.bind(0, sbcAddress, () => socket.close(() => resolve(sbcAddress)));
  });
}
