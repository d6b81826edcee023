import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";

export type PasswordRead = { readonly ok: true; readonly password: string } | { readonly ok: false; readonly message: string };

const least = 12;
const most = 128;
/** Of the file; more is no password. */
const mostBytes = 4_096;

/** The one line of a file. What is wrong with it is said without a letter of it; `name` begins at `folder` where it is relative. */
export function readPasswordFile(folder: string, name: string): PasswordRead {
  const path = resolve(folder, name);
  const wrong = (message: string): PasswordRead => ({ ok: false, message: `${path} ${message}` });
  let text: string;
  try {
    const file = statSync(path);
    if (!file.isFile() && !file.isDirectory()) return wrong("is no file, but a device or a pipe. Name a file that holds the password alone, in one line"); // reading one may never end
    const { size } = file;
    if (size > mostBytes) return wrong(`has ${size} bytes and is no password. Name a file that holds the password alone, in one line`);
    text = readFileSync(path, "utf8");
  } catch (error) {
    return wrong(unreadable(error as NodeJS.ErrnoException));
  }
  const password = text.replace(/^\ufeff/, "").replace(/\r?\n$/, "");
  if (password.trim() === "") return wrong("is empty. Write the password into it, in one line");
  if (/[\r\n]/.test(password)) return wrong("has more than one line. Leave the password alone in it");
  if (!/^[\x21-\x7e]+$/.test(password)) return wrong("holds a space, or a character that is not ASCII, which border controllers write in different ways. Choose letters, digits and signs");
  if (password.length < least || password.length > most) return wrong(`holds ${password.length} characters. Choose ${least} to ${most}, by chance: they are all that keeps a guess out`);
  return { ok: true, password };
}

function unreadable({ code, message }: NodeJS.ErrnoException): string {
  if (code === "ENOENT") return "is not there. Make it, with the password in one line, or correct the name; a relative one begins at the folder of the provision file";
  if (code === "EISDIR") return "is a folder. Name the file in it that holds the password";
  if (code === "EACCES") return "may not be read by the account that Earwitness runs as. Give it the right to read the file, and nobody else";
  return `cannot be read: ${message}`;
}
