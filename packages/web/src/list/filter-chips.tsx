import { DismissRegular } from "@fluentui/react-icons/svg/dismiss";
import { useText } from "../text.ts";
import s from "../pages/interactions.module.css";

export interface FilterChip {
  readonly label: string;
  readonly remove: () => void;
}

/** What a list is filtered by, each to be taken away; all of it at once where `onClear` is given. */
export function FilterChips({ chips, onClear }: { chips: readonly FilterChip[]; onClear?: (() => void) | undefined }) {
  const text = useText();
  if (chips.length === 0) return null;
  return (
    <ul className={s.chips} aria-label={text("list.filters")}>
      {chips.map(({ label, remove }) => (
        <li key={label}>
          <button type="button" className={s.chip} onClick={remove} aria-label={text("list.filter.remove", { filter: label })}>
            {label}
            <DismissRegular />
          </button>
        </li>
      ))}
      {onClear !== undefined && (
        <li>
          <button type="button" className={s.clear} onClick={onClear}>
            {text("list.filter.clear")}
          </button>
        </li>
      )}
    </ul>
  );
}
