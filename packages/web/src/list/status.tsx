import type { Interaction, MediaStatus } from "@earwitness/contract";
import { DeleteRegular } from "@fluentui/react-icons/svg/delete";
import { HourglassHalfRegular } from "@fluentui/react-icons/svg/hourglass-half";
import { MicOffRegular } from "@fluentui/react-icons/svg/mic-off";
import { PlayCircleRegular } from "@fluentui/react-icons/svg/play-circle";
import { WarningRegular } from "@fluentui/react-icons/svg/warning";
import type { ReactElement } from "react";
import { useText } from "../text.ts";
import { useSecond } from "../second.ts";
import { formatCallDuration, runningDurationMs } from "../time.ts";
import s from "./status.module.css";

/** The light of a recording machine: the lamp stands, its glow breathes. */
function RecordingDot() {
  return (
    <svg width="1em" height="1em" viewBox="0 0 20 20" fill="currentColor" aria-hidden="true">
      <circle className={s.glow} cx="10" cy="10" r="8.5" />
      <circle cx="10" cy="10" r="5" />
    </svg>
  );
}

/** In the order of a call's life; the filter lists them so. */
export const statusIcons: Readonly<Record<MediaStatus, ReactElement>> = {
  Recording: <RecordingDot />,
  Pending: <HourglassHalfRegular />,
  Available: <PlayCircleRegular />,
  Failed: <WarningRegular />,
  Unavailable: <MicOffRegular />,
  Deleted: <DeleteRegular />,
};
export const statuses = Object.keys(statusIcons) as MediaStatus[];
export const isStatus = (text: string): text is MediaStatus => text in statusIcons;

/** Icon and word; the word of the usual case is only spoken, so that the unusual ones stand out. */
export function Status({ status, quiet = false }: { status: MediaStatus; quiet?: boolean }) {
  const text = useText();
  return (
    <span className={s.status} data-status={status} data-tip={text(`status.${status}.why`)}>
      {statusIcons[status]}
      <span className={quiet && status === "Available" ? "unseen" : undefined}>{text(`status.${status}`)}</span>
    </span>
  );
}

/** Ticks while the call runs. */
export function CallDuration({ call }: { call: Pick<Interaction, "mediaStatus" | "answeredAt" | "durationMs"> & { seenAtMs: number } }) {
  return call.mediaStatus === "Recording" && call.answeredAt ? <Ticking call={call} /> : formatCallDuration(call);
}

function Ticking({ call }: { call: { answeredAt: string | null; durationMs: number; seenAtMs: number } }) {
  const nowMs = useSecond();
  return formatCallDuration({ answeredAt: call.answeredAt, durationMs: runningDurationMs(call, nowMs) });
}
