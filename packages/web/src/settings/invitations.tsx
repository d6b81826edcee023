import { Button, Menu, MenuGroup, MenuGroupHeader, MenuItem, MenuList, MenuPopover, MenuTrigger } from "@fluentui/react-components";
import { CheckmarkCircleRegular } from "@fluentui/react-icons/svg/checkmark-circle";
import { ChevronDownRegular } from "@fluentui/react-icons/svg/chevron-down";
import { ChevronRightRegular } from "@fluentui/react-icons/svg/chevron-right";
import { PlugDisconnectedRegular } from "@fluentui/react-icons/svg/plug-disconnected";
import { ShieldErrorRegular } from "@fluentui/react-icons/svg/shield-error";
import { SubtractCircleRegular } from "@fluentui/react-icons/svg/subtract-circle";
import { WarningRegular } from "@fluentui/react-icons/svg/warning";
import type { Invitation, Trunk } from "@earwitness/contract";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, type ReactElement } from "react";
import { api, problemOf } from "../api.ts";
import { Fault, useProblemWords } from "../frame/notice.tsx";
import { Pill } from "../frame/pill.tsx";
import { pages } from "../paths.ts";
import { invitationsQuery, trunkQuery, trunksQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { AddPeople } from "./add-people.tsx";
import { Ago } from "../frame/ago.tsx";
import { addressOf, offersAllow, offersEverybody } from "./allow.ts";
import { isWithin } from "./network.ts";
import { RecordEverybody } from "./record-everybody.tsx";
import { sharedNetworks, sharedWords } from "./shared-networks.ts";
import { Trace } from "./trace.tsx";
import s from "./invitations.module.css";

const icons: Readonly<Record<Invitation["outcome"], ReactElement>> = { recorded: <CheckmarkCircleRegular />, ignored: <SubtractCircleRegular />, refused: <ShieldErrorRegular /> };

interface InvitationsProps {
  /** Id of a trunk; `none`: those that could be given to none; undefined: all. */
  readonly trunk: string | undefined;
  /** Only those of which this became; empty or left out: all. */
  readonly outcomes?: readonly Invitation["outcome"][];
  /** Which one's messages are shown. */
  readonly open: string | undefined;
  readonly onOpen: (id: string | undefined) => void;
  /** Only the newest so many, with a way to all of them. */
  readonly atMost?: number;
}

/** What came last and what became of it, as it happens. */
export function Invitations({ trunk, outcomes = [], open, onOpen, atMost }: InvitationsProps) {
  const text = useText();
  const list = useInfiniteQuery(invitationsQuery(trunk, outcomes));
  const trunks = useQuery(trunksQuery).data?.trunks ?? [];
  /** While messages are being read, nothing moves them: what comes meanwhile waits. */
  const [heldAt, setHeldAt] = useState<string | null>(null);
  const all = list.data?.pages.flatMap((page) => page.invitations) ?? [];
  const newest = all[0]?.id ?? null;
  if (open !== undefined && heldAt === null && newest !== null) setHeldAt(newest);
  if (open === undefined && heldAt !== null) setHeldAt(null);

  if (list.isPending) return <Waiting rows={atMost ?? 12} />;
  if (list.isError && !list.data) return <Fault error={list.error} icon={<PlugDisconnectedRegular />} onRetry={() => void list.refetch()} />;
  if (all.length === 0) return <p className={s.none}>{text(outcomes.length > 0 ? "invitations.none.filtered" : trunk === undefined ? "invitations.none" : trunk === "none" ? "invitations.none.none" : "invitations.none.trunk")}</p>;

  const waiting = Math.max(0, all.findIndex((one) => one.id === heldAt));
  const from = all.slice(waiting);
  const openAt = from.findIndex((one) => one.id === open);
  const shown = atMost === undefined ? from : from.slice(0, Math.max(atMost, openAt + 1));
  return (
    <div className={s.region}>
      <div role="status" className={s.pillPlace}>
        {waiting > 0 && (
          <Pill onClick={() => setHeldAt(newest)}>{text("invitations.new", { count: waiting })}</Pill>
        )}
      </div>
      <ul className={s.list} aria-label={text("invitations.page")}>
        {shown.map((invitation, index) => (
          <Row
            key={invitation.id}
            invitation={invitation}
            showTrunk={trunk === undefined}
            trunks={trunks}
            // An address that is refused again and again needs one answer, not twelve.
            mayAllow={offersAllow(shown, index)}
            mayRecord={offersEverybody(shown, index)}
            isOpen={invitation.id === open}
            onOpen={onOpen}
          />
        ))}
      </ul>
      {atMost !== undefined && from.length > shown.length ? (
        <Link {...pages.invitations({ trunk })} className={s.all}>
          {text("invitations.all")}
        </Link>
      ) : (
        atMost === undefined &&
        list.hasNextPage && (
          <Button className={s.more} disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            {text("invitations.older")}
          </Button>
        )
      )}
    </div>
  );
}

interface RowProps {
  readonly invitation: Invitation;
  readonly showTrunk: boolean;
  readonly trunks: readonly Trunk[];
  readonly mayAllow: boolean;
  readonly mayRecord: boolean;
  readonly isOpen: boolean;
  readonly onOpen: (id: string | undefined) => void;
}

function Row({ invitation, showTrunk, trunks, mayAllow, mayRecord, isOpen, onOpen }: RowProps) {
  const text = useText();
  const { id, outcome, trunk, interactionIds, unknownParties } = invitation;
  const concerned = trunks.find((one) => one.id === trunk?.id);
  const people = unknownParties.length > 0 && concerned?.settings.unknown !== "record" ? <AddPeople parties={unknownParties} isAlternative={mayRecord} /> : null;
  return (
    <li className={s.row} data-outcome={outcome} data-open={isOpen || undefined}>
      <p className={s.outcome}>
        {icons[outcome]}
        <b>{text(`invitations.outcome.${outcome}`)}</b>
        <span className={s.status} data-tip={text("invitations.status")}>
          {invitation.status}
        </span>
      </p>
      <p className={s.when}>
        <Ago at={invitation.at} />
        {invitation.repeated > 0 && (
          <span className={s.repeated} data-tip={text("invitations.repeated", { count: invitation.repeated })}>
            <span aria-hidden="true">+{invitation.repeated}</span>
            <span className="unseen">{text("invitations.repeated", { count: invitation.repeated })}</span>
          </span>
        )}
      </p>
      <div className={s.what}>
        <p className={s.why}>{invitation.explanation}</p>
        <p className={s.more}>
          {interactionIds.map((interaction, index) => (
            <Link key={interaction} {...pages.interaction(interaction)}>
              {text("invitations.interaction", { number: index + 1, count: interactionIds.length })}
            </Link>
          ))}
          {invitation.hasTrace ? (
            <button type="button" className={s.toggle} aria-expanded={isOpen} onClick={() => onOpen(isOpen ? undefined : id)}>
              {isOpen ? <ChevronDownRegular /> : <ChevronRightRegular />}
              {text("invitations.trace")}
            </button>
          ) : (
            <span>{text("invitations.noTrace")}</span>
          )}
        </p>
        {mayRecord && concerned !== undefined ? <RecordEverybody trunk={concerned} instead={people} /> : people}
        {mayAllow && <Allow invitation={invitation} trunks={trunks} />}
      </div>
      <p className={s.from}>
        {showTrunk && (trunk === null ? <span className={s.noTrunk}>{text("invitations.noTrunk")}</span> : <Link {...pages.trunk(trunk.id)}>{trunk.name}</Link>)}
        <span>
          {invitation.remoteAddress} <span className={s.transport}>{invitation.transport.toUpperCase()}</span>
        </span>
        {invitation.client !== null && (
          <span className={s.client} data-tip={invitation.client}>
            {invitation.client}
          </span>
        )}
      </p>
      {isOpen && (
        <div className={s.trace}>
          <Trace invitation={invitation} />
        </div>
      )}
    </li>
  );
}

/** The address that was refused becomes one that may send; what that does stands beside it. */
function Allow({ invitation, trunks }: { invitation: Invitation; trunks: readonly Trunk[] }) {
  const text = useText();
  const words = useProblemWords();
  const queryClient = useQueryClient();
  const address = addressOf(invitation.remoteAddress);
  const allow = useMutation({
    mutationFn: (id: string) => api.allowNetwork(id, address),
    onSuccess: (fresh) => {
      queryClient.setQueryData(trunkQuery(fresh.value.id).queryKey, fresh);
      return queryClient.invalidateQueries({ queryKey: ["trunks"] });
    },
  });
  const concerned = trunks.find(({ id }) => id === invitation.trunk?.id);
  // Of an address that belonged to no trunk, any that allows it now will take the next call.
  const now = invitation.trunk === null ? trunks.find(({ settings }) => isWithin(settings.sourceNetworks, address)) : concerned && isWithin(concerned.settings.sourceNetworks, address) ? concerned : undefined;
  if (now !== undefined) {
    return (
      <p role="status" className={s.allowed}>
        <CheckmarkCircleRegular /> {text("invitations.allowed", { address, trunk: now.settings.name })}
      </p>
    );
  }
  const button = { size: "small", appearance: "primary", disabled: allow.isPending } as const;
  return (
    <div className={s.allow}>
      {concerned !== undefined ? (
        <Button {...button} onClick={() => allow.mutate(concerned.id)}>
          {text("invitations.allow", { address })}
        </Button>
      ) : (
        <Menu>
          <MenuTrigger disableButtonEnhancement>
            <Button {...button} icon={<ChevronDownRegular />} iconPosition="after">
              {text("invitations.allow.on", { address })}
            </Button>
          </MenuTrigger>
          <MenuPopover>
            <MenuList>
              <MenuGroup>
                <MenuGroupHeader>{text("invitations.allow.whose")}</MenuGroupHeader>
                {trunks.map(({ id, settings }) => (
                  <MenuItem key={id} onClick={() => allow.mutate(id)}>
                    {settings.name}
                  </MenuItem>
                ))}
              </MenuGroup>
            </MenuList>
          </MenuPopover>
        </Menu>
      )}
      <span>{concerned === undefined ? text("invitations.allow.why.one") : text("invitations.allow.why", { trunk: concerned.settings.name })}</span>
      {concerned !== undefined && <AlsoAllowed address={address} trunk={concerned} trunks={trunks} />}
      {allow.isError && (
        <span role="alert" className={s.failed}>
          {words(problemOf(allow.error)).detail}
        </span>
      )}
    </div>
  );
}

/** Another trunk has the address, or a network with it: said before it is allowed here too, as the trunk's form says it. */
function AlsoAllowed({ address, trunk, trunks }: { address: string; trunk: Trunk; trunks: readonly Trunk[] }) {
  const text = useText();
  const [shared] = sharedNetworks({ settings: { ...trunk.settings, sourceNetworks: [address] }, known: trunk }, trunks);
  if (shared === undefined) return null;
  return (
    <p className={s.shared}>
      <WarningRegular aria-hidden="true" />
      <span>
        {sharedWords(text, text("trunk.named", { trunk: trunk.settings.name }), shared)} {text("trunk.networks.own")}
      </span>
    </p>
  );
}

function Waiting({ rows }: { rows: number }) {
  const text = useText();
  return (
    <ul className={s.list} aria-busy="true" aria-label={text("settings.loading")}>
      {Array.from({ length: rows }, (_, row) => (
        <li key={row} className={s.row} aria-hidden="true">
          <span className={s.bone} style={{ width: 110 }} />
          <span className={s.bone} style={{ width: `${50 + ((row * 17) % 35)}%` }} />
        </li>
      ))}
    </ul>
  );
}
