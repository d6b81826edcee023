/** Whether the keys belong to a field or a dialog, not to the page. */
export function isTyping(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.isComposing) return true;
  const own = "input:not([type=range]), textarea, select, [contenteditable=true], [role=dialog], [role=menu], [role=listbox]";
  return event.target instanceof Element && event.target.closest(own) !== null;
}
