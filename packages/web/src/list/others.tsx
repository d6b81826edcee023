import { Popover, PopoverSurface, PopoverTrigger } from "@fluentui/react-components";
import type { Interaction } from "@earwitness/contract";
import { otherParticipants, partyName, shortAddress } from "../party.ts";
import { useText } from "../text.ts";
import s from "./others.module.css";

/** `+2` after the caller's name; opens the names (CAP-29). */
export function Others({ call }: { call: Interaction }) {
  const text = useText();
  const others = otherParticipants(call);
  if (others.length === 0) return null;
  const label = text("list.others", { count: others.length });
  return (
    <Popover positioning="below-start" size="small" trapFocus>
      <PopoverTrigger disableButtonEnhancement>
        <button type="button" className={s.more} aria-label={label} tabIndex={-1}>
          +{others.length}
        </button>
      </PopoverTrigger>
      <PopoverSurface aria-label={label} tabIndex={-1}>
        <ul className={s.names}>
          {others.map((party) => (
            <li key={party.address}>
              <span>{partyName(party)}</span>
              {party.name && <span className={s.address}>{shortAddress(party.upn ?? party.address)}</span>}
            </li>
          ))}
        </ul>
      </PopoverSurface>
    </Popover>
  );
}
