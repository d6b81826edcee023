import { randomInt } from "node:crypto";

const letters = "abcdefghijkmnpqrstuvwxyz23456789"; // no o, l, 0, 1: somebody will read it over the telephone
const length = 10;

/** User part of a trunk's own recording address. 50 bits: nobody finds one by trying, within the time of any trunk. */
export function newRecordingUser(): string {
  return Array.from({ length }, () => letters[randomInt(letters.length)]).join("");
}
