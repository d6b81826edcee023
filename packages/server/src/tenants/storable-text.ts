/**
 * Texts that no name has and the database will not take: U+0000, halves of surrogate pairs; U+001F means something in its
 * search text. Answers where they stand, `addresses.0`, in whatever came as JSON. Line breaks and tabs are allowed where
 * the form of a field allows them.
 */
export function unstorableTexts(value: unknown, path = ""): { readonly where: string; readonly message: string }[] {
  if (typeof value === "string") return isStorable(value) ? [] : [{ where: path, message: "holds a control character or half a character" }];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => unstorableTexts(inner, path === "" ? key : `${path}.${key}`));
}

export function isStorable(text: string): boolean {
  return text.isWellFormed() && !/[^\P{Cc}\t\n\v\f\r]/u.test(text);
}
