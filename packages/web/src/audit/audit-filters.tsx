import { Button, Input, Menu, MenuItem, MenuItemCheckbox, MenuItemRadio, MenuList, MenuPopover, MenuTrigger } from "@fluentui/react-components";
import { FilterFilled, FilterRegular } from "@fluentui/react-icons/svg/filter";
import { actions, items, machineActions } from "@earwitness/contract";
import { useEffect, useState } from "react";
import { SearchField } from "../list/filters.tsx";
import type { AuditSearch } from "../paths.ts";
import { useText } from "../text.ts";
import { actionsOf, byOf, bys, itemsOf } from "./audit-filter.ts";
import s from "./audit.module.css";

interface FiltersProps {
  readonly search: AuditSearch;
  readonly onChange: (change: AuditSearch) => void;
}

export function AuditFilters({ search, onChange }: FiltersProps) {
  const text = useText();
  const by = byOf(search);
  // Words of recorders are offered where recorders are shown.
  const words = by === "all" || by === "machine" || by === "job" ? [...actions, ...machineActions] : actions;
  return (
    <>
      <SearchField value={search.description ?? ""} label={text("audit.search")} onChange={(description) => onChange({ description: description || undefined })} />
      <NameField value={search.name ?? ""} onChange={(name) => onChange({ name: name || undefined })} />
      <Choice label={text("audit.filter.action")} values={words.filter((word) => word !== "Send Mail")} chosen={actionsOf(search)} onChange={(chosen) => onChange({ action: chosen.join(",") || undefined })} />
      <Choice label={text("audit.filter.item")} values={items} chosen={itemsOf(search)} onChange={(chosen) => onChange({ item: chosen.join(",") || undefined })} />
      <Menu checkedValues={{ by: [by] }} onCheckedValueChange={(_, { checkedItems: [next] }) => onChange({ by: next === "people" ? undefined : next })} positioning="below-end">
        <MenuTrigger disableButtonEnhancement>
          <Button icon={by === "people" ? <FilterRegular /> : <FilterFilled />} className={s.button ?? ""}>
            {text("audit.filter.by")}
          </Button>
        </MenuTrigger>
        <MenuPopover>
          <MenuList>
            {bys.map((one) => (
              <MenuItemRadio key={one} name="by" value={one}>
                {text(`audit.by.${one}`)}
              </MenuItemRadio>
            ))}
          </MenuList>
        </MenuPopover>
      </Menu>
      <Days search={search} onChange={onChange} />
    </>
  );
}

function Choice({ label, values, chosen, onChange }: { label: string; values: readonly string[]; chosen: readonly string[]; onChange: (chosen: string[]) => void }) {
  const text = useText();
  return (
    <Menu hasCheckmarks checkedValues={{ one: [...chosen] }} onCheckedValueChange={(_, { checkedItems }) => onChange(checkedItems)} positioning="below-end">
      <MenuTrigger disableButtonEnhancement>
        <Button icon={chosen.length > 0 ? <FilterFilled /> : <FilterRegular />} className={s.button ?? ""}>
          {label}
        </Button>
      </MenuTrigger>
      <MenuPopover className={s.menu ?? ""}>
        <MenuList>
          {values.map((value) => (
            <MenuItemCheckbox key={value} name="one" value={value}>
              {value}
            </MenuItemCheckbox>
          ))}
          <MenuItem disabled={chosen.length === 0} onClick={() => onChange([])}>
            {text("audit.filter.any")}
          </MenuItem>
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}

/** Asked when typing pauses, as the search field does. */
function NameField({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const text = useText();
  const [typed, setTyped] = useState(value);
  const [asked, setAsked] = useState(value);
  if (value !== asked) {
    setAsked(value);
    if (typed.trim() !== value) setTyped(value);
  }
  useEffect(() => {
    if (typed.trim() === value) return;
    const timer = setTimeout(() => onChange(typed.trim()), 300);
    return () => clearTimeout(timer);
  }, [typed, value, onChange]);
  return <Input className={s.name ?? ""} value={typed} maxLength={200} placeholder={text("audit.name")} aria-label={text("audit.name")} onChange={(_, { value: next }) => setTyped(next)} />;
}

function Days({ search, onChange }: FiltersProps) {
  const text = useText();
  return (
    <div className={s.days} role="group" aria-label={text("audit.filter.when")}>
      <Input type="date" className={s.day ?? ""} value={search.from ?? ""} max={search.to} aria-label={text("audit.filter.from")} onChange={(_, { value }) => onChange({ from: value || undefined })} />
      <span aria-hidden="true">–</span>
      <Input type="date" className={s.day ?? ""} value={search.to ?? ""} min={search.from} aria-label={text("audit.filter.to")} onChange={(_, { value }) => onChange({ to: value || undefined })} />
    </div>
  );
}
