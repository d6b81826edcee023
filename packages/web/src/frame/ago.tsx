import { useReader } from "../text.ts";
import { useSecond } from "../second.ts";

const steps: readonly [unit: Intl.RelativeTimeFormatUnit, seconds: number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/** "2 minutes ago", which moves while one looks; the moment itself on hover. */
export function Ago({ at }: { at: string }) {
  const reader = useReader();
  const now = useSecond();
  const passed = Math.max(0, Math.round((now - Date.parse(at)) / 1000));
  const [unit, seconds] = steps.find(([, length]) => passed >= length) ?? ["second", 1];
  const words = new Intl.RelativeTimeFormat(reader.locale, { numeric: "auto" }).format(-Math.floor(passed / seconds), unit);
  const exact = new Intl.DateTimeFormat(reader.locale, { dateStyle: "medium", timeStyle: "medium", timeZone: reader.timeZone }).format(new Date(at));
  return (
    <time dateTime={at} data-tip={exact}>
      {words}
    </time>
  );
}
