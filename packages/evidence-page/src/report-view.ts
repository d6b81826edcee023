/** What checking came to, in words. */
import type { BundleReport, Statement, StatementKind } from "@earwitness/verify";
import { element } from "./element.ts";

const groups: readonly (readonly [StatementKind, string])[] = [
  ["fails", "What does not hold"],
  ["not checked", "What was not checked"],
  ["erased", "What was erased"],
  ["holds", "What holds"],
];

export function createReportView({ statements }: BundleReport): HTMLElement {
  return element(
    "section",
    { className: "report", ariaLabel: "Report" },
    ...groups.flatMap(([kind, title]) => {
      const some = statements.filter((statement) => statement.kind === kind);
      if (some.length === 0) return [];
      const list = element("ul", { className: kind.replace(" ", "-") }, ...some.map(row));
      const heading = `${title} (${some.length})`;
      return [kind === "holds" ? element("details", { open: some.length <= 25 }, element("summary", {}, heading), list) : element("div", {}, element("h3", {}, heading), list)];
    }),
  );
}

function row({ where, says, bytes }: Statement): HTMLElement {
  const details = bytes === undefined ? null : element("details", { className: "bytes" }, element("summary", {}, "bytes"), ...Object.entries(bytes).map(([name, value]) => element("code", {}, `${name} ${value}`)));
  return element("li", {}, says, where === "" || says.includes(where) ? null : element("span", { className: "quiet where" }, where), details);
}
