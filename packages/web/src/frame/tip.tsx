import { Tooltip } from "@fluentui/react-components";
import { useEffect, useRef, useState, type ReactNode } from "react";

/**
 * One tooltip for a whole region: whatever carries `data-tip` shows it under the pointer or the focus. A list of forty rows
 * with eleven cells would otherwise carry hundreds of tooltip components.
 */
export function TipRegion({ children, className }: { children: ReactNode; className?: string | undefined }) {
  const region = useRef<HTMLDivElement>(null);
  const [tip, setTip] = useState<{ target: HTMLElement; text: string } | null>(null);

  useEffect(() => {
    const element = region.current;
    if (!element) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    // Who pressed it knows what it is; a new picture under a pointer that rests is no new question.
    let pressed: HTMLElement | null = null;
    const tipped = (event: Event) => (event.target instanceof Element ? event.target.closest<HTMLElement>("[data-tip]") : null);
    const show = (event: Event) => {
      const target = tipped(event);
      clearTimeout(timer);
      if (target !== null && target === pressed) return;
      pressed = null;
      const text = target?.dataset["tip"];
      if (!target || !text) setTip(null);
      else timer = setTimeout(() => setTip({ target, text }), event.type === "focusin" ? 0 : 350);
    };
    const hide = () => {
      clearTimeout(timer);
      setTip(null);
    };
    const leave = () => {
      pressed = null;
      hide();
    };
    const press = (event: Event) => {
      pressed = tipped(event);
      hide();
    };
    const onFocus = (event: Event) => {
      if (event.target instanceof Element && event.target.matches(":focus-visible")) show(event);
    };
    const onKey = (event: KeyboardEvent) => event.key === "Escape" && hide();
    element.addEventListener("pointerover", show);
    element.addEventListener("pointerleave", leave);
    element.addEventListener("pointerdown", press);
    element.addEventListener("focusin", onFocus);
    element.addEventListener("focusout", hide);
    element.addEventListener("scroll", hide, true);
    document.addEventListener("keydown", onKey);
    return () => {
      clearTimeout(timer);
      element.removeEventListener("pointerover", show);
      element.removeEventListener("pointerleave", leave);
      element.removeEventListener("pointerdown", press);
      element.removeEventListener("focusin", onFocus);
      element.removeEventListener("focusout", hide);
      element.removeEventListener("scroll", hide, true);
      document.removeEventListener("keydown", onKey);
    };
  }, []);

  return (
    <div ref={region} className={className}>
      {children}
      {tip && tip.target.isConnected && (
        <Tooltip content={tip.text} relationship="inaccessible" visible positioning={{ target: tip.target, position: "above" }} withArrow={false} />
      )}
    </div>
  );
}
