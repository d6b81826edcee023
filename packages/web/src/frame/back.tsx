import { ChevronLeftRegular } from "@fluentui/react-icons/svg/chevron-left";
import { Link } from "@tanstack/react-router";
import type { pages } from "../paths.ts";
import s from "./page.module.css";

export function Back({ to, label }: { to: ReturnType<typeof pages.trunks> | ReturnType<typeof pages.people>; label: string }) {
  return (
    <Link {...to} className={s.back}>
      <ChevronLeftRegular /> {label}
    </Link>
  );
}
