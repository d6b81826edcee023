import type { BundleReport } from "@earwitness/verify";
import { createReportView } from "@earwitness/evidence-page/report-view";
import { useLayoutEffect, useRef } from "react";
import s from "./report.module.css";

/** The report of evidence bundles, in its own words and its own view. */
export function Report({ report }: { report: BundleReport }) {
  const place = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => place.current?.replaceChildren(createReportView(report)), [report]);
  return <div ref={place} className={s.report} />;
}
