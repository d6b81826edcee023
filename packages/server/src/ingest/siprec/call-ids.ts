/** The ids by which vendors know a call at both its ends, in the forms in which they write them. Each answers null for anything else. */

/**
 * Avaya's UCID: its 20 digits, as they stand in the reports of the exchange. On the wire it is the element `FA 08` of a User-to-User value
 * with node, sequence and time as hex (`00FA0800180803…;encoding=hex`), or those 16 hex digits alone.
 */
export function readUcid(text: string): string | null {
  const value = text.split(";", 1)[0]!.trim();
  if (/^[0-9]{20}$/.test(value)) return value;
  if (value.length > 512 || !/^([0-9a-f]{2})+$/i.test(value)) return null;
  const hex = value.length === 16 ? value : (/^(?:..)*?fa08([0-9a-f]{16})/i.exec(value)?.[1] ?? null);
  if (hex === null) return null;
  const decimal = (from: number, to: number, digits: number): string => String(Number.parseInt(hex.slice(from, to), 16)).padStart(digits, "0");
  return decimal(0, 4, 5) + decimal(4, 8, 5) + decimal(8, 16, 10);
}

/** Cisco's call GUID: 32 hex digits, or the header's four decimal numbers of 32 bits. */
export function readCiscoGuid(text: string): string | null {
  const value = text.trim();
  if (/^[0-9a-f]{32}$/i.test(value)) return value.toLowerCase();
  const words = value.split("-");
  if (words.length !== 4 || !words.every((word) => /^[0-9]{1,10}$/.test(word) && Number(word) <= 0xffff_ffff)) return null;
  return words.map((word) => Number(word).toString(16).padStart(8, "0")).join("");
}

/** The GUID out of an `application/gtd` body: lines of a name and its values, `GCI,` being the global call id. */
export function readGtdGuid(body: string): string | null {
  const line = body.slice(0, 65_536).split(/[\r\n]+/).find((one) => /^\s*GCI\s*,/i.test(one));
  return line === undefined ? null : readCiscoGuid(line.slice(line.indexOf(",") + 1));
}

/** RFC 7989: `<local>;remote=<remote>`. Null also for the nil identifier of one who does not know his own. */
export function readSessionId(text: string): string | null {
  const local = text.split(";", 1)[0]!.trim().toLowerCase();
  return /^[0-9a-f]{32}$/.test(local) && !/^0+$/.test(local) ? local : null;
}

/** What a vendor calls an id, kept as it is where it is short enough to be one. */
export function readOpaqueId(text: string): string | null {
  const value = text.trim();
  return value.length >= 3 && value.length <= 200 ? value : null;
}
