import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { SipMessage, SipResponse } from "@earwitness/media";
import type { TestClient } from "./test-client.ts";
import type { TestServer } from "./test-server.ts";

const folder = join(import.meta.dirname, "../../../test/vendors");

/** One recorded session of a vendor's client, message by message, out of `test/vendors`. */
export interface VendorSession {
  readonly client: TestClient;
  /** Answers to what was sent, by the step's name. */
  readonly answers: ReadonlyMap<string, SipResponse>;
  /** Everything before the BYE. */
  begin(): Promise<void>;
  bye(): Promise<void>;
}

interface Step {
  readonly name: string;
  readonly head: string;
  readonly body: string;
}

/** `rewrite` changes the text of the file, for variants that no file is worth. Lines end as SIP has it. */
export async function openVendorSession(it: TestServer, name: string, kind: "udp" | "tcp" = "udp", rewrite: (text: string) => string = (text) => text): Promise<VendorSession> {
  const client = await it.client(kind);
  const steps = readSteps(rewrite(readFileSync(join(folder, `${name}.sip`), "utf8")));
  const answers = new Map<string, SipResponse>();
  let tag = "";

  async function play(step: Step): Promise<void> {
    const body = fill(step.body);
    const head = fill(step.head).replace("{length}", String(Buffer.byteLength(body)));
    client.send(`${head}\r\n\r\n${body}`);
    if (step.head.startsWith("ACK ")) return;
    const cseq = /^CSeq: (.*)\r$/m.exec(`${head}\r\n`)?.[1];
    const isFinal = (message: SipMessage): boolean => message.kind === "response" && message.status >= 200 && message.headers.get("CSeq") === cseq;
    const response = (await client.next(isFinal)) as SipResponse;
    answers.set(step.name, response);
    tag = /tag=(.+)$/.exec(response.headers.get("To") ?? "")?.[1] ?? tag;
  }

  const fill = (text: string): string =>
    text
      .replaceAll("{server}", `127.0.0.1:${it.server.address.port}`)
      .replaceAll("{client}", `${client.address}:${client.port}`)
      .replaceAll("{host}", client.address)
      .replaceAll("{port}", String(client.port))
      .replaceAll("{TRANSPORT}", kind.toUpperCase())
      .replaceAll("{transport}", kind)
      .replaceAll("{tag}", tag)
      .replaceAll("{branch}", () => `z9hG4bK${randomBytes(6).toString("hex")}`);

  return {
    client,
    answers,
    async begin() {
      for (const step of steps) if (step.name !== "BYE") await play(step);
    },
    async bye() {
      for (const step of steps) if (step.name === "BYE") await play(step);
    },
  };
}

/** `# comment`, then `>>> name` before each message; an empty line divides head and body. */
function readSteps(text: string): Step[] {
  return text
    .split(/^>>> /m)
    .slice(1)
    .map((block) => {
      const [name = "", ...lines] = block.split("\n");
      const empty = lines.indexOf("");
      return { name, head: lines.slice(0, empty).join("\r\n"), body: lines.slice(empty + 1).join("\r\n").replace(/(\r\n)+$/, "\r\n").replace(/^\r\n$/, "") };
    });
}
