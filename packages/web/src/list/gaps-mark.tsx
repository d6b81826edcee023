import { useText } from "../text.ts";
import s from "./row.module.css";

/** The hatching of the timeline, small: some audio of this call is missing. */
export function GapsMark() {
  const text = useText();
  return (
    <span className={s.gaps} data-tip={text("list.gaps")}>
      <svg width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.2" aria-hidden="true">
        <rect x="1.6" y="3.6" width="12.8" height="8.8" rx="2" />
        <path d="M5 12.2 9.6 3.8M1.8 11 6 3.8M8.6 12.2l4.6-8.4M12 12.2l2.3-4.2" />
      </svg>
      <span className="unseen">{text("list.gaps")}</span>
    </span>
  );
}
