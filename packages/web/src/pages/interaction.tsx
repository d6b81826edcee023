import { ChevronDownRegular } from "@fluentui/react-icons/svg/chevron-down";
import { ChevronUpRegular } from "@fluentui/react-icons/svg/chevron-up";
import { PlugDisconnectedRegular } from "@fluentui/react-icons/svg/plug-disconnected";
import { SearchRegular } from "@fluentui/react-icons/svg/search";
import { ShieldKeyholeRegular } from "@fluentui/react-icons/svg/shield-keyhole";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useRef } from "react";
import { problemOf } from "../api.ts";
import { History } from "../audit/history.tsx";
import { Facts } from "../call/facts.tsx";
import type { OwnCall } from "../call/own-time.ts";
import { Back } from "../frame/back.tsx";
import { Fault } from "../frame/notice.tsx";
import { TipRegion } from "../frame/tip.tsx";
import { Title } from "../frame/title.tsx";
import { lastList, neighborsOf } from "../list/neighbors.ts";
import { CallDuration, Status } from "../list/status.tsx";
import { useLiveEvents } from "../live.ts";
import { isConference, otherParty, partyName } from "../party.ts";
import { pages } from "../paths.ts";
import { interactionQuery } from "../queries.ts";
import { Player } from "../player/player.tsx";
import { ProofActions } from "../proof/actions.tsx";
import { Seal } from "../proof/seal.tsx";
import { useEngine, useEngineState } from "../player/use-engine.ts";
import { useReader, useText } from "../text.ts";
import { formatClock, formatDate, formatLongDate, formatZone } from "../time.ts";
import s from "./interaction.module.css";

export function InteractionPage() {
  const text = useText();
  const { id } = useParams({ strict: false }) as { id: string };
  const call = useQuery(interactionQuery(id));
  const queryClient = useQueryClient();

  useLiveEvents((event) => {
    if (event.kind === "reset") return void queryClient.invalidateQueries({ queryKey: ["interaction", id] });
    if (event.kind !== "interaction" || event.interaction.id !== id) return;
    queryClient.setQueryData(interactionQuery(id).queryKey, (before) => before && { ...before, ...event.interaction, seenAtMs: Date.now() });
    // The row says that something changed; tracks, events and the manifest come with the whole.
    void queryClient.invalidateQueries({ queryKey: ["interaction", id] });
  });

  if (call.data) return <Call key={id} call={call.data} />;
  const status = call.isError ? problemOf(call.error).status : 0;
  return (
    <div className={s.page}>
      <Title page={text("list.page")} />
      <Trail id={id} />
      {call.isError ? (
        <Fault
          alone
          error={call.error}
          icon={status === 404 ? <SearchRegular /> : status === 403 ? <ShieldKeyholeRegular /> : <PlugDisconnectedRegular />}
          onRetry={() => void call.refetch()}
        />
      ) : (
        <Skeleton />
      )}
    </div>
  );
}

function Call({ call }: { call: OwnCall & { seenAtMs: number } }) {
  const text = useText();
  const reader = useReader();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const { t } = useSearch({ strict: false }) as { t?: string };
  const startSeconds = Number.parseFloat(t ?? "");
  const engine = useEngine(call, Number.isFinite(startSeconds) ? startSeconds * 1000 : null);
  const state = useEngineState(engine);

  const goTo = useCallback(
    (direction: 1 | -1) => {
      const { previous, next } = neighborsOf(queryClient, call.id);
      const id = direction === 1 ? next : previous;
      if (id) void navigate(pages.interaction(id));
    },
    [navigate, queryClient, call.id],
  );

  // The address holds the position, so that a link sent to a colleague opens the same moment. Browsers allow it a few times a second.
  const pending = useRef<ReturnType<typeof setTimeout>>(undefined);
  const onPosition = useCallback(
    (atMs: number) => {
      clearTimeout(pending.current);
      pending.current = setTimeout(() => {
        void navigate({ to: ".", search: (before) => ({ ...before, t: String(Math.round(atMs / 100) / 10) }), replace: true, resetScroll: false });
      }, 350);
    },
    [navigate],
  );
  useEffect(() => () => clearTimeout(pending.current), []);

  const others = call.participants.length - 1;
  const direction = isConference(call)
    ? text("call.meeting", { count: Math.max(1, others) })
    : text(call.direction === "Incoming" ? "call.from" : "call.to", { other: partyName(otherParty(call)) });
  const playState = state && state.phase !== "idle" && state.phase !== "failed" ? text(`call.state.${state.phase}`) : null;
  const date = formatDate(call.startedAt, reader);
  const time = formatClock(call.startedAt, reader);

  return (
    <div className={s.page}>
      <Title page={text("call.page", { user: call.user.name, date, time })} />
      <Trail id={call.id} />
      <TipRegion>
        <header className={s.header}>
          <div className={s.heading}>
            <h1>{call.user.name}</h1>
            <p className={s.direction}>{direction}</p>
          </div>
          <div className={s.summary}>
            <span role="status">{playState ? <span className={s.state}>{playState}</span> : <Status status={call.mediaStatus} />}</span>
            <span>
              {formatLongDate(call.startedAt, reader)}, <span className="numbers">{time}</span>
            </span>
            <span className={s.zone}>{formatZone(reader, new Date(call.startedAt))}</span>
            {call.answeredAt && (
              <span className={s.duration} data-status={call.mediaStatus} data-tip={text("facts.duration.why")}>
                <CallDuration call={call} />
              </span>
            )}
            <Seal call={call} />
          </div>
          <ProofActions call={call} />
        </header>
      </TipRegion>
      <div className={s.columns}>
        <div className={s.main}>
          <Player call={call} engine={engine} state={state} onPosition={onPosition} onNeighbor={goTo} />
          <History subject={call.id} />
        </div>
        <Facts call={call} />
      </div>
    </div>
  );
}

/** Where this page hangs: the list it came from, and the results beside it. */
function Trail({ id }: { id: string }) {
  const text = useText();
  const queryClient = useQueryClient();
  const { previous, next } = neighborsOf(queryClient, id);
  return (
    <nav className={s.trail} aria-label={text("call.back")}>
      <Back to={pages.interactions(lastList())} label={text("call.back")} />
      {(previous || next) && (
        <TipRegion className={s.beside}>
          <Neighbor id={previous} label={text("call.previous")} keyName="k" icon={<ChevronUpRegular />} />
          <Neighbor id={next} label={text("call.next")} keyName="j" icon={<ChevronDownRegular />} />
        </TipRegion>
      )}
    </nav>
  );
}

function Neighbor({ id, label, keyName, icon }: { id: string | null; label: string; keyName: string; icon: React.ReactNode }) {
  const tip = `${label} (${keyName})`;
  if (!id) {
    return (
      <span className={s.neighbor} aria-disabled="true" role="link" aria-label={label}>
        {icon}
      </span>
    );
  }
  return (
    <Link {...pages.interaction(id)} className={s.neighbor} aria-label={label} data-tip={tip}>
      {icon}
    </Link>
  );
}

function Skeleton() {
  const text = useText();
  return (
    <div role="status" aria-label={text("call.loading")}>
      <div className={s.header} aria-hidden="true">
        <span className={s.bone} style={{ width: 220, height: 26 }} />
        <span className={s.bone} style={{ width: 360, height: 14 }} />
      </div>
      <div className={s.columns} aria-hidden="true">
        <div className={s.main}>
          <span className={s.bone} style={{ height: 258, borderRadius: 10 }} />
        </div>
        <span className={s.bone} style={{ height: 480, borderRadius: 10 }} />
      </div>
    </div>
  );
}
