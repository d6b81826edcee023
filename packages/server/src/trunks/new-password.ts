import { randomInt } from "node:crypto";

/** No two look alike in any typeface that a border controller's page may have; 24 of them are 137 bits. */
const letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
const length = 24;

export const newPassword = (): string => Array.from({ length }, () => letters[randomInt(letters.length)]).join("");
