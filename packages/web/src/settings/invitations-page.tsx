import { Select } from "@fluentui/react-components";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { pages } from "../paths.ts";
import { trunksQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { Invitations } from "./invitations.tsx";
import { Page } from "./page.tsx";
import s from "./invitations.module.css";

/** Of all trunks, those of no trunk included. */
export function InvitationsPage() {
  const text = useText();
  const navigate = useNavigate();
  const { trunk, open } = useSearch({ from: "/signed-in/settings/invitations" });
  const trunks = useQuery(trunksQuery).data?.trunks ?? [];
  return (
    <Page
      title={text("invitations.page")}
      lead={text("invitations.lead")}
      tools={
        <Select className={s.filter} value={trunk ?? ""} aria-label={text("invitations.filter")} onChange={(_, { value }) => void navigate({ ...pages.invitations({ trunk: value || undefined }), replace: true })}>
          <option value="">{text("invitations.filter.all")}</option>
          <option value="none">{text("invitations.filter.none")}</option>
          {trunks.map(({ id, settings }) => (
            <option key={id} value={id}>
              {settings.name}
            </option>
          ))}
        </Select>
      }
    >
      <Invitations key={trunk ?? ""} trunk={trunk} open={open} onOpen={(next) => void navigate({ ...pages.invitations({ trunk, open: next }), replace: true, resetScroll: false })} />
    </Page>
  );
}
