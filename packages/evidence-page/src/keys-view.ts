/** Keys of whoever checks: what stands in the bundle proves nothing about whose it is. */
import { Malformed, noteTypes, parseVkey, type NoteKey } from "@earwitness/verify";
import { element } from "./element.ts";

export interface Keys {
  readonly key: NoteKey | null;
  readonly witnesses: readonly NoteKey[];
}

export function createKeysView(check: (keys: Keys) => void): HTMLElement {
  const key = element("textarea", { rows: 2, spellcheck: false, placeholder: "name+hash+base64" });
  const witnesses = element("textarea", { rows: 2, spellcheck: false, placeholder: "one a line" });
  const said = element("p", { className: "wrong", role: "alert" });
  const form = element(
    "form",
    { className: "keys" },
    element("label", {}, "Public key of the log, as it was given to you", key),
    element("label", {}, "Public keys of witnesses that must have co-signed", witnesses),
    element("button", { type: "submit" }, "Check with these keys"),
    said,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    try {
      const [own] = read(key.value, noteTypes.ed25519, "log");
      said.textContent = "";
      check({ key: own ?? null, witnesses: read(witnesses.value, noteTypes.cosignature, "witness") });
    } catch (error) {
      said.textContent = error instanceof Malformed ? `${error.message}.` : String(error);
    }
  });
  return form;
}

function read(text: string, type: number, whose: string): NoteKey[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const key = parseVkey(line);
      if (key.type !== type) throw new Malformed(`“${key.name}” is not the key of a ${whose}`);
      return key;
    });
}
