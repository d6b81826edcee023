/** Below what opened it, or above where there is more room; always wholly in sight. */
export function placePopover(opener: Element | null, popover: HTMLElement | null): void {
  const at = opener?.getBoundingClientRect();
  const size = popover?.getBoundingClientRect();
  if (!at || !size || !popover) return;
  const below = at.bottom + 4;
  popover.style.left = `${Math.max(8, Math.min(at.left, innerWidth - size.width - 8))}px`;
  popover.style.top = `${below + size.height < innerHeight - 8 ? below : Math.max(8, at.top - size.height - 4)}px`;
}
