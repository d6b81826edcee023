import { hash, verify } from "@node-rs/argon2";
import { Refusal } from "#errors";
import { createQuota } from "./quota.ts";

/** argon2id with 19 MiB and two passes, as OWASP advises where nothing else is known: some 30 ms here. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
/** Hashes at once: each takes 19 MiB, and whoever asks for many may not take it all. */
const mostAtOnce = 16;
const running = createQuota(mostAtOnce);

/** USR-21. What is wrong with a password that somebody chose, in words that follow "The password"; null: nothing. */
export function passwordMistake(password: string): string | null {
  const characters = [...password];
  if (characters.length < 8) return "has fewer than 8 characters";
  if (characters.length > 30) return "has more than 30 characters";
  if (/\p{Cc}/u.test(password)) return "has a control character in it";
  if (!/\p{Lu}/u.test(password)) return "has no capital letter";
  if (!/\p{Nd}/u.test(password)) return "has no digit";
  if (!/[^\p{L}\p{N}\s]/u.test(password)) return "has no special character";
  return null;
}

/** One text for what looks the same, whatever keyboard it came from. */
const normal = (password: string): string => password.normalize("NFC");

export const hashPassword = (password: string): Promise<string> => oneAtATime(() => hash(normal(password), cost));
export const isPassword = (password: string, hashed: string): Promise<boolean> => oneAtATime(() => verify(hashed, normal(password)));

async function oneAtATime<T>(work: () => Promise<T>): Promise<T> {
  const giveBack = running.take("hash");
  if (giveBack === null) throw new Refusal("TOO_MANY_REQUESTS", 429, "Too many people sign in at this moment. Try again in a few seconds.");
  try {
    return await work();
  } finally {
    giveBack();
  }
}
