import { Select } from "@fluentui/react-components";
import { invitationOutcomes, type InvitationOutcome } from "@earwitness/contract";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { FilterChips } from "../list/filter-chips.tsx";
import { pages, type InvitationsSearch } from "../paths.ts";
import { trunksQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { Invitations } from "./invitations.tsx";
import { Page } from "./page.tsx";
import s from "./invitations.module.css";

/** Of all trunks, those of no trunk included; what is shown of them stands in the address. */
export function InvitationsPage() {
  const text = useText();
  const navigate = useNavigate();
  const { trunk, outcome, open } = useSearch({ from: "/signed-in/settings/invitations" });
  const trunks = useQuery(trunksQuery).data?.trunks ?? [];
  const outcomes = outcomesOf(outcome);
  const show = (change: InvitationsSearch) => void navigate({ ...pages.invitations({ trunk, outcome: outcomes.join(",") || undefined, ...change }), replace: true });
  const showOutcomes = (some: readonly InvitationOutcome[]) => show({ outcome: some.join(",") || undefined });
  const nameOf = (id: string): string => (id === "none" ? text("invitations.filter.none") : (trunks.find((one) => one.id === id)?.settings.name ?? text("trunks.page")));
  const chips = [
    ...(trunk === undefined ? [] : [{ label: nameOf(trunk), remove: () => show({ trunk: undefined }) }]),
    ...outcomes.map((one) => ({ label: text(`invitations.outcome.${one}`), remove: () => showOutcomes(outcomes.filter((other) => other !== one)) })),
  ];
  return (
    <Page
      title={text("invitations.page")}
      lead={text("invitations.lead")}
      tools={
        <>
          <Select className={s.filter} value={trunk ?? ""} aria-label={text("invitations.filter")} onChange={(_, { value }) => show({ trunk: value || undefined })}>
            <option value="">{text("invitations.filter.all")}</option>
            <option value="none">{text("invitations.filter.none")}</option>
            {trunks.map(({ id, settings }) => (
              <option key={id} value={id}>
                {settings.name}
              </option>
            ))}
          </Select>
          <Select className={s.outcomes} value={outcomes.length === 1 ? outcomes[0]! : ""} aria-label={text("invitations.outcome")} onChange={(_, { value }) => showOutcomes(outcomesOf(value))}>
            <option value="">{text("invitations.outcome.all")}</option>
            {invitationOutcomes.map((one) => (
              <option key={one} value={one}>
                {text(`invitations.outcome.${one}`)}
              </option>
            ))}
          </Select>
        </>
      }
    >
      <FilterChips chips={chips} />
      <Invitations key={`${trunk ?? ""} ${outcomes.join()}`} trunk={trunk} outcomes={outcomes} open={open} onOpen={(next) => void navigate({ ...pages.invitations({ trunk, outcome, open: next }), replace: true, resetScroll: false })} />
    </Page>
  );
}

/** Anybody may have written the address. */
const outcomesOf = (text: string | undefined): InvitationOutcome[] => invitationOutcomes.filter((one) => text?.split(",").includes(one));
