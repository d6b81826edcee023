import { Button } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons/svg/add";
import { LockClosedRegular } from "@fluentui/react-icons/svg/lock-closed";
import { PlugConnectedRegular } from "@fluentui/react-icons/svg/plug-connected";
import { PlugDisconnectedRegular } from "@fluentui/react-icons/svg/plug-disconnected";
import type { Trunk } from "@earwitness/contract";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { Fault, Notice } from "../frame/notice.tsx";
import { pages } from "../paths.ts";
import { trunksQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { Ago } from "./ago.tsx";
import { Page } from "./page.tsx";
import s from "./trunk-list.module.css";

export function TrunksPage() {
  const text = useText();
  const navigate = useNavigate();
  const list = useQuery(trunksQuery);
  const add = (
    <Button appearance="primary" icon={<AddRegular />} onClick={() => void navigate(pages.newTrunk())}>
      {text("trunks.new")}
    </Button>
  );
  return (
    <Page title={text("trunks.page")} note={list.data && text("trunks.count", { count: list.data.trunks.length })} lead={text("trunks.lead")} tools={add}>
      {list.isPending ? (
        <ul className={s.list} aria-busy="true" aria-label={text("settings.loading")}>
          {[1, 2].map((one) => (
            <li key={one} className={s.waiting} />
          ))}
        </ul>
      ) : list.isError && !list.data ? (
        <Fault error={list.error} icon={<PlugDisconnectedRegular />} onRetry={() => void list.refetch()} />
      ) : list.data.trunks.length === 0 ? (
        <Notice icon={<PlugConnectedRegular />} title={text("trunks.empty.title")} actions={add}>
          <p>{text("trunks.empty.detail")}</p>
        </Notice>
      ) : (
        <ul className={s.list}>
          {list.data.trunks.map((trunk) => (
            <Row key={trunk.id} trunk={trunk} />
          ))}
        </ul>
      )}
    </Page>
  );
}

function Row({ trunk }: { trunk: Trunk }) {
  const text = useText();
  const { settings, lastInvitation } = trunk;
  const marks = [
    ...(settings.transport === "tls" ? [text("trunks.mark.tls")] : []),
    ...(settings.certificates.length > 0 ? [text("trunks.mark.certificate")] : []),
    ...(trunk.digest === null ? [] : [text("trunks.mark.password")]),
    ...(settings.media === "srtp" ? [text("trunks.mark.srtp")] : []),
  ];
  return (
    <li className={s.row}>
      <Link {...pages.trunk(trunk.id)} className={s.link}>
        <span className={s.name}>{settings.name}</span>
        <span className={s.networks}>{settings.sourceNetworks.length === 0 ? text("trunks.noNetworks") : settings.sourceNetworks.join(", ")}</span>
        <span className={s.state} data-outcome={settings.enabled ? lastInvitation?.outcome : "off"}>
          {!settings.enabled ? (
            text("trunks.state.off")
          ) : lastInvitation === null ? (
            text("trunks.state.never")
          ) : (
            <>
              <b>{text(`invitations.outcome.${lastInvitation.outcome}`)}</b> <Ago at={lastInvitation.at} />
              {lastInvitation.outcome === "refused" && <span className={s.why}>{lastInvitation.explanation}</span>}
            </>
          )}
        </span>
        <span className={s.marks}>
          {marks.length > 0 && <LockClosedRegular aria-hidden="true" />}
          {marks.join(" · ")}
        </span>
      </Link>
    </li>
  );
}
