import { isIPv6 } from "node:net";

/** Where this installation takes SIP; null: that transport is not open. */
export interface SipEntrance {
  readonly host: string;
  /** UDP and TCP. */
  readonly port: number;
  readonly tlsPort: number | null;
}

/** What to configure in a trunk's client, one address for each transport that is open; the safest first. */
export function recordingAddresses({ host, port, tlsPort }: SipEntrance, recordingUser: string): string[] {
  const name = isIPv6(host) ? `[${host}]` : host;
  const at = (given: number, usual: number): string => `${recordingUser}@${name}${given === usual ? "" : `:${given}`}`;
  return [...(tlsPort === null ? [] : [`sips:${at(tlsPort, 5061)}`]), `sip:${at(port, 5060)};transport=tcp`, `sip:${at(port, 5060)};transport=udp`];
}
