import { ArrowUpRegular } from "@fluentui/react-icons/svg/arrow-up";
import type { ReactNode } from "react";
import s from "./pill.module.css";

/** What has arrived above a list that stands still meanwhile; a press shows it. */
export function Pill({ onClick, children }: { onClick: () => void; children: ReactNode }) {
  return (
    <button type="button" className={s.pill} onClick={onClick}>
      <ArrowUpRegular aria-hidden="true" />
      {children}
    </button>
  );
}
