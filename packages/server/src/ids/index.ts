import { randomBytes, randomUUID } from "node:crypto";

/** Id of an interaction or a recording: 4 bytes of start seconds, 8 random bytes, as 24 hexadecimal characters (CAP-24). */
export function mintId(at: Date): string {
  const seconds = Math.floor(at.getTime() / 1000);
  return seconds.toString(16).padStart(8, "0") + randomBytes(8).toString("hex");
}

/** The partition key of everything that hangs on an id; read off the id, so it can never change. */
export function mintedAt(id: string): Date {
  return new Date(Number.parseInt(id.slice(0, 8), 16) * 1000);
}

/** The partitions of many ids, each once: named beside the ids, they spare a lookup all the others. */
export function momentsOf(ids: readonly string[]): Date[] {
  return [...new Set(ids.map((id) => mintedAt(id).getTime()))].map((ms) => new Date(ms));
}

export function isId(text: string): boolean {
  return /^[0-9a-f]{24}$/.test(text);
}

/**
 * The recorder's own call id for a call without a SIP Call-ID: `1-<32 hex>-<yyyyMMddHHmmssff>`, the start in UTC to the
 * hundredth of a second, cut, not rounded (CAP-24).
 */
export function recorderCallId(startedAt: Date, hex32: string = randomBytes(16).toString("hex")): string {
  const digits = startedAt.toISOString().replace(/\D/g, "").slice(0, 16);
  return `1-${hex32}-${digits}`;
}

export const newUuid = (): string => randomUUID();
