import { WarningRegular } from "@fluentui/react-icons/svg/warning";
import { useQuery } from "@tanstack/react-query";
import { healthQuery } from "../queries.ts";
import { useText } from "../text.ts";
import s from "./recorder-state.module.css";

/** Says on every page, within ten seconds, that new calls are not being recorded, and why. */
export function RecorderState() {
  const text = useText();
  const { data: health } = useQuery(healthQuery);
  const refuses = health?.ready === false;
  return (
    <div role="status" className={refuses ? s.state : "unseen"}>
      {refuses && (
        <>
          <WarningRegular aria-hidden="true" fontSize={18} />
          <strong>{text("frame.notReady")}</strong>
          <span>{health.reasons.join(" ")}</span>
        </>
      )}
    </div>
  );
}
