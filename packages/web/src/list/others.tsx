import type { Interaction } from "@earwitness/contract";
import { useId, useRef } from "react";
import { placePopover } from "../frame/place-popover.ts";
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

  return (
    <>
      <button ref={button} type="button" className={s.more} popoverTarget={id} aria-label={`+${others.length}, ${text("list.others", { count: others.length })}`}>
        +{others.length}
      </button>
      <ul ref={list} id={id} popover="auto" className={s.names} onToggle={() => placePopover(button.current, list.current)}>
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
