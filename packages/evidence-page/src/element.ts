type Child = Node | string | null;

/** An element with its properties and children. Text is text: nothing that a bundle holds is ever read as HTML. */
export function element<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, properties: Partial<HTMLElementTagNameMap[Tag]> & { readonly role?: string } = {}, ...children: readonly Child[]): HTMLElementTagNameMap[Tag] {
  const made = Object.assign(document.createElement(tag), properties);
  for (const child of children) if (child !== null) made.append(child);
  return made;
}
