import { CheckmarkRegular } from "@fluentui/react-icons/svg/checkmark";
import { CopyRegular } from "@fluentui/react-icons/svg/copy";
import { useEffect, useState } from "react";
import { useText } from "../text.ts";
import s from "./facts.module.css";

export function CopyButton({ what, value }: { what: string; value: string }) {
  const text = useText();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1_800);
    return () => clearTimeout(timer);
  }, [copied]);
  // Without TLS the browser offers no clipboard; then there is nothing to click, and the text can be selected.
  if (!("clipboard" in navigator)) return null;
  const label = copied ? text("app.copied") : text("app.copy", { what });
  return (
    <button type="button" className={s.copy} aria-label={label} data-tip={label} data-copied={copied || undefined} onClick={() => void navigator.clipboard.writeText(value).then(() => setCopied(true))}>
      {copied ? <CheckmarkRegular /> : <CopyRegular />}
    </button>
  );
}
