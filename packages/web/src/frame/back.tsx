import { ChevronLeftRegular } from "@fluentui/react-icons/svg/chevron-left";
import { Link } from "@tanstack/react-router";
import type { pages } from "../paths.ts";
import s from "./back.module.css";

/** To the list that a page belongs to. */
export function Back({ to, label }: { to: ReturnType<typeof pages.interactions | typeof pages.trunks | typeof pages.people | typeof pages.accessProfiles>; label: string }) {
  return (
    <Link {...to} className={s.back}>
      <ChevronLeftRegular aria-hidden="true" />
      {label}
    </Link>
  );
}
