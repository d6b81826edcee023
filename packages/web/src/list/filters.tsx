import { Button, Menu, MenuDivider, MenuItem, MenuItemCheckbox, MenuList, MenuPopover, MenuTrigger, SearchBox } from "@fluentui/react-components";
import { FilterFilled, FilterRegular } from "@fluentui/react-icons/svg/filter";
import { useEffect, useEffectEvent, useRef, useState } from "react";
import { isTyping } from "../keyboard.ts";
import { useText } from "../text.ts";
import { statuses, statusIcons } from "./status.tsx";
import s from "./filters.module.css";

/** Long enough that a word is one question, short enough to feel like typing at the list. */
const pauseMs = 220;

export function SearchField({ value, label, onChange }: { value: string; label: string; onChange: (value: string) => void }) {
  const field = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState(value);
  const [asked, setAsked] = useState(value);
  if (value !== asked) {
    // The address changed by other means: a chip was removed, or the reader went back. What is being typed has precedence.
    setAsked(value);
    if (typed.trim() !== value) setTyped(value);
  }

  const ask = useEffectEvent(onChange);
  useEffect(() => {
    if (typed.trim() === value) return;
    const timer = setTimeout(() => {
      setAsked(typed.trim());
      ask(typed.trim());
    }, pauseMs);
    return () => clearTimeout(timer);
  }, [typed, value]);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "/" || isTyping(event)) return;
      event.preventDefault();
      field.current?.select();
      field.current?.focus();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);

  return (
    <SearchBox
      input={{ ref: field }}
      className={s.search ?? ""}
      value={typed}
      maxLength={200}
      placeholder={label}
      aria-label={label}
      onChange={(_, { value: next }) => setTyped(next)}
      onKeyDown={(event) => {
        if (event.key === "Escape" && typed === "") field.current?.blur();
      }}
    />
  );
}

export function StatusFilter({ chosen, onChange }: { chosen: readonly string[]; onChange: (chosen: string[]) => void }) {
  const text = useText();
  return (
    <Menu hasIcons hasCheckmarks checkedValues={{ status: [...chosen] }} onCheckedValueChange={(_, { checkedItems }) => onChange(checkedItems.toSorted())} positioning="below-end">
      <MenuTrigger disableButtonEnhancement>
        <Button icon={chosen.length > 0 ? <FilterFilled /> : <FilterRegular />} className={s.button ?? ""}>
          {text("list.status")}
        </Button>
      </MenuTrigger>
      <MenuPopover>
        <MenuList>
          {statuses.map((status) => (
            <MenuItemCheckbox key={status} name="status" value={status} icon={statusIcons[status]}>
              {text(`status.${status}`)}
            </MenuItemCheckbox>
          ))}
          <MenuDivider />
          <MenuItem disabled={chosen.length === 0} onClick={() => onChange([])}>
            {text("list.status.clear")}
          </MenuItem>
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}
