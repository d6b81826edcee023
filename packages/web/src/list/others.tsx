import type { Interaction } from "@earwitness/contract";
import { useId, useRef } from "react";
import { otherParticipants, partyName, shortAddress } from "../party.ts";
import { useText } from "../text.ts";
import s from "./others.module.css";

/** `+2` after the caller's name; opens the names (CAP-29). The browser's own popover: it closes by itself, one at a time. */
export function Others({ call }: { call: Interaction }) {
  const text = useText();
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const others = otherParticipants(call);
  if (others.length === 0) return null;

  const place = () => {
    const at = button.current?.getBoundingClientRect();
    const size = list.current?.getBoundingClientRect();
    if (!at || !size || !list.current) return;
    const below = at.bottom + 4;
    list.current.style.left = `${Math.max(8, Math.min(at.left, innerWidth - size.width - 8))}px`;
    list.current.style.top = `${below + size.height < innerHeight - 8 ? below : Math.max(8, at.top - size.height - 4)}px`;
  };

  return (
    <>
      <button ref={button} type="button" className={s.more} popoverTarget={id} aria-label={`+${others.length}, ${text("list.others", { count: others.length })}`}>
        +{others.length}
      </button>
      <ul ref={list} id={id} popover="auto" className={s.names} onToggle={place}>
        {others.map((party) => (
          <li key={party.address}>
            <span>{partyName(party)}</span>
            {party.name && <span className={s.address}>{shortAddress(party.upn ?? party.address)}</span>}
          </li>
        ))}
      </ul>
    </>
  );
}
