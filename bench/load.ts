/** The processes that put load on what is measured: one that places calls, one that sends their packets. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { ClientSays, Cycled, Ended, Opened, Order } from "./load-client.ts";
import { loadedAddress, type Load, type SenderSays, type Sent, type ToSender } from "./rtp-load.ts";

const start = (file: string): ChildProcess => fork(new URL(file, import.meta.url), { execArgv: ["--disable-warning=ExperimentalWarning"] });

export interface Client {
  open(order: Omit<Extract<Order, { kind: "open" }>, "kind">): Promise<Opened>;
  end(ids?: readonly string[]): Promise<Ended>;
  cycle(order: Omit<Extract<Order, { kind: "cycle" }>, "kind">): Promise<Cycled>;
  /** Without a word to the other side. */
  close(): void;
}

export function startClient(): Client {
  const child = start("./load-client.ts");
  const died = once(child, "exit").then(([code]) => Promise.reject<[ClientSays]>(new Error(`the client died with ${code}`)));
  died.catch(() => undefined);
  const ask = async <Says extends ClientSays>(order: Order, kind: Says["kind"]): Promise<Says> => {
    const answered = Promise.race([once(child, "message") as Promise<[ClientSays]>, died]);
    child.send(order);
    const [says] = await answered;
    if (says.kind !== kind) throw new Error(says.kind === "failed" ? `the client failed: ${says.why}` : `the client said ${says.kind} instead of ${kind}`);
    return says as Says;
  };
  return {
    open: (order) => ask<Opened>({ kind: "open", ...order }, "opened"),
    end: (ids) => ask<Ended>({ kind: "end", ...(ids && { ids }) }, "ended"),
    cycle: (order) => ask<Cycled>({ kind: "cycle", ...order }, "cycled"),
    close: () => void child.kill(),
  };
}

export interface SendingStreams {
  move(stream: number, ports: readonly [rtp: number, rtcp: number]): void;
  /** Ends; what had been sent at that moment is in the answer. */
  stop(atMs: number): Promise<Sent>;
  /** When its seconds are over. */
  readonly sent: Promise<Sent>;
  close(): void;
}

/** Sends already when it answers. */
export async function sendStreams(load: Pick<Load, "ports" | "seconds"> & Partial<Load>): Promise<SendingStreams> {
  const child = start("./rtp-load.ts");
  const tell = (what: ToSender): void => void child.send(what);
  const sending = Promise.withResolvers<void>();
  const sent = Promise.withResolvers<Sent>();
  sent.promise.catch(() => undefined);
  child.on("message", (says: SenderSays) => (says.kind === "sending" ? sending.resolve() : sent.resolve(says)));
  child.once("exit", (code, signal) => {
    const error = new Error(`the sender ended with ${code ?? signal}`);
    sending.reject(error);
    sent.reject(error);
  });
  tell({ kind: "send", load: { fromPort: 0, to: loadedAddress, srtp: false, ...load } });
  await sending.promise;
  return {
    move: (stream, ports) => tell({ kind: "move", stream, ports }),
    stop(atMs) {
      tell({ kind: "stop", atMs });
      return sent.promise;
    },
    sent: sent.promise,
    close: () => void child.kill(),
  };
}
