import { Button } from "@fluentui/react-components";
import { CheckmarkCircleRegular } from "@fluentui/react-icons/svg/checkmark-circle";
import { ChevronDownRegular } from "@fluentui/react-icons/svg/chevron-down";
import { ChevronRightRegular } from "@fluentui/react-icons/svg/chevron-right";
import { PlugDisconnectedRegular } from "@fluentui/react-icons/svg/plug-disconnected";
import { ShieldErrorRegular } from "@fluentui/react-icons/svg/shield-error";
import { SubtractCircleRegular } from "@fluentui/react-icons/svg/subtract-circle";
import type { Invitation } from "@earwitness/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { api, problemOf } from "../api.ts";
import { Fault, useProblemWords } from "../frame/notice.tsx";
import { pages } from "../paths.ts";
import { invitationsQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { Ago } from "./ago.tsx";
import { addressOf, outcomeWords } from "./invitation-words.ts";
import { Page } from "./page.tsx";
import { Trace } from "./trace.tsx";
import s from "./invitations.module.css";

const icons: Readonly<Record<Invitation["outcome"], React.ReactNode>> = { recorded: <CheckmarkCircleRegular />, ignored: <SubtractCircleRegular />, refused: <ShieldErrorRegular /> };

export function InvitationsPage() {
  const text = useText();
  return (
    <Page title={text("invitations.page")} lead={text("invitations.lead")}>
      <Invitations trunk={undefined} />
    </Page>
  );
}

/** What came last and what became of it, as it happens. `trunk` undefined: of all, those of no trunk included. */
export function Invitations({ trunk }: { trunk: string | undefined }) {
  const text = useText();
  const list = useQuery(invitationsQuery(trunk));
  if (list.isPending) return <p className={s.none}>{text("settings.loading")}</p>;
  if (list.isError && !list.data) return <Fault error={list.error} icon={<PlugDisconnectedRegular />} onRetry={() => void list.refetch()} />;
  if (list.data.invitations.length === 0) return <p className={s.none}>{text(trunk === undefined ? "invitations.none" : "invitations.none.trunk")}</p>;
  return (
    <ul className={s.list} aria-label={text("invitations.page")}>
      {list.data.invitations.map((invitation) => (
        <Row key={invitation.id} invitation={invitation} showTrunk={trunk === undefined} />
      ))}
    </ul>
  );
}

function Row({ invitation, showTrunk }: { invitation: Invitation; showTrunk: boolean }) {
  const text = useText();
  const [open, setOpen] = useState(false);
  const { outcome, trunk } = invitation;
  return (
    <li className={s.row} data-outcome={outcome}>
      <span className={s.icon}>{icons[outcome]}</span>
      <div className={s.what}>
        <p className={s.first}>
          <b>{text(outcomeWords[outcome])}</b>
          <span className={s.status}>{invitation.status}</span>
          <span>{text("invitations.from", { address: invitation.remoteAddress, transport: invitation.transport.toUpperCase() })}</span>
          <Ago at={invitation.at} />
          {invitation.repeated > 0 && <span>{text("invitations.repeated", { count: invitation.repeated })}</span>}
        </p>
        <p>{invitation.explanation}</p>
        <p className={s.more}>
          {showTrunk && (trunk === null ? <span>{text("invitations.noTrunk")}</span> : <Link {...pages.trunk(trunk.id)}>{trunk.name}</Link>)}
          {invitation.client !== null && <span>{invitation.client}</span>}
          {invitation.interactionIds.map((id, index) => (
            <Link key={id} {...pages.interaction(id)}>
              {text("invitations.interaction", { number: index + 1, count: invitation.interactionIds.length })}
            </Link>
          ))}
          {invitation.hasTrace && (
            <button type="button" className={s.toggle} aria-expanded={open} onClick={() => setOpen(!open)}>
              {open ? <ChevronDownRegular /> : <ChevronRightRegular />}
              {text("invitations.trace")}
            </button>
          )}
        </p>
        {open && <Trace id={invitation.id} />}
      </div>
      {invitation.reason === "SOURCE_NOT_ALLOWED" && trunk !== null && <Allow trunkId={trunk.id} trunkName={trunk.name} address={addressOf(invitation.remoteAddress)} />}
    </li>
  );
}

function Allow({ trunkId, trunkName, address }: { trunkId: string; trunkName: string; address: string }) {
  const text = useText();
  const words = useProblemWords();
  const queryClient = useQueryClient();
  const allow = useMutation({
    mutationFn: () => api.allowNetwork(trunkId, address),
    onSuccess: () => Promise.all([queryClient.invalidateQueries({ queryKey: ["trunk", trunkId] }), queryClient.invalidateQueries({ queryKey: ["trunks"] })]),
  });
  return (
    <div className={s.allow}>
      {allow.isSuccess ? (
        <span role="status">{text("invitations.allowed", { address, trunk: trunkName })}</span>
      ) : (
        <Button size="small" disabled={allow.isPending} onClick={() => allow.mutate()} data-tip={text("invitations.allow.why", { address, trunk: trunkName })} title={text("invitations.allow.why", { address, trunk: trunkName })}>
          {text("invitations.allow", { address })}
        </Button>
      )}
      {allow.isError && <span role="alert">{words(problemOf(allow.error)).detail}</span>}
    </div>
  );
}
