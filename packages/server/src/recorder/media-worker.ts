/** Entry of a media worker thread. */
import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "#errors";
import { createSlices } from "./in-slices.ts";
import { createMediaWork, LeftToJournal } from "./media-work.ts";
import { udpSockets } from "./udp-choice.ts";
import type { Answers, Command, FromWorker, Request, ThreadOptions } from "./worker-protocol.ts";

if (parentPort === null) throw new Error("media-worker.ts runs as a worker thread");
const port = parentPort;
const say = (message: FromWorker): void => port.postMessage(message);
const options = workerData as ThreadOptions;
const openSocket = await udpSockets(options.udp, options.openDescriptors); // commands wait in the port until it is listened to
const work = createMediaWork(options, (event) => say({ kind: "event", event }), { openSocket });
/** Above this many recordings only the clock has them counted: after each command that cost 1.5 ms at 900 of them, as much as the command. */
const countedAtOnce = 20;
let counted = 0;
const sayStats = (): void => {
  const stats = work.stats();
  counted = stats.recordings;
  say({ kind: "stats", stats });
};
const commands = createSlices(20);
const statsTimer = setInterval(sayStats, 1_000);
let underWay = 0;

async function carryOut(command: Command): Promise<Answers[Command["kind"]]> {
  switch (command.kind) {
    case "open":
      work.open(command.recording);
      return null;
    case "addTrack":
      return work.addTrack(command.recordingId, command.track, command.stream, command.atMs);
    case "changeTrack":
      return work.changeTrack(command.recordingId, command.track, command.stream, command.atMs);
    case "removeTrack":
      await work.removeTrack(command.recordingId, command.track, command.atMs);
      return null;
    case "finish":
      return work.finish(command.recordingId, command.atMs);
    case "close":
      clearInterval(statsTimer);
      await work.close();
      return null;
  }
}

function answer({ id, command }: Request): void {
  underWay += 1;
  const done = carryOut(command).finally(() => (underWay -= 1));
  done.then(
    (value) => {
      if (underWay === 0 && counted <= countedAtOnce) sayStats();
      say({ kind: "answer", id, value });
      if (command.kind === "close") port.close();
    },
    (error: unknown) => say({ kind: "refusal", id, message: messageOf(error), isLeft: error instanceof LeftToJournal }),
  );
}

port.on("message", (request: Request) => commands.add(() => answer(request)));
