import { createSocket } from "node:dgram";
import { expect, test } from "vitest";
import { openDgramSocket } from "./udp.ts";

test("an IPv4 sender on a socket for both families is known by the address that its offer names, and gets its answer", async () => {
  const heard = Promise.withResolvers<[string, number]>();
  const socket = await openDgramSocket("::", 0, (_bytes, address, port) => heard.resolve([address, port]));
  const sender = createSocket("udp4");
  const answer = new Promise<string>((resolve) => sender.once("message", (bytes) => resolve(bytes.toString())));
  await new Promise<void>((bound) => sender.bind(0, "127.0.0.1", bound));
  sender.send("x", socket.port, "127.0.0.1");
  const [address, port] = await heard.promise;
  expect(address).toBe("127.0.0.1");
  socket.send(Buffer.from("report"), port, address);
  expect(await answer).toBe("report");
  sender.close();
  await socket.close();
});
