import type { UnknownParty } from "@earwitness/contract";
import { Link } from "@tanstack/react-router";
import { shortAddress } from "../party.ts";
import { pages } from "../paths.ts";
import { useText } from "../text.ts";
import s from "./invitations.module.css";

interface AddPeopleProps {
  readonly parties: readonly UnknownParty[];
  /** There is another way to have such calls recorded, beside it. */
  readonly isAlternative: boolean;
}

/** Whom a call was with that nobody knew: each leads to a form with their address and name in it. */
export function AddPeople({ parties, isAlternative }: AddPeopleProps) {
  const text = useText();
  return (
    <p className={s.people}>
      <span>{text(isAlternative ? "invitations.people" : "invitations.people.only")}</span>
      {parties.map(({ address, name }) => {
        const shown = shortAddress(address);
        const who = name === null || name === shown ? shown : text("invitations.people.one", { name, address: shown });
        return (
          <Link key={address} {...pages.newPerson({ address, name: name ?? undefined })} aria-label={text("invitations.people.add", { who })}>
            {who}
          </Link>
        );
      })}
    </p>
  );
}
